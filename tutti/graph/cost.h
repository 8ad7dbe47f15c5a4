// What a graph costs to run.
#pragma once

#include <span>

#include "tutti/graph/graph.h"

namespace tutti {

// Floating-point operations of one op: a multiplication and an addition a tap of a convolution and of a matrix product, a
// cell of a pooling window once; of all other ops one an element of the largest operand, as an order of magnitude.
double flops_of(const Op& op, std::span<const TensorType> inputs, std::span<const TensorType> outputs);

// Of all nodes, whether they run or not.
double flops_of(const Graph& graph);

}  // namespace tutti
