// The order in which Keras lists a functional model's layers, and with them its weights.
#pragma once

#include <span>
#include <vector>

#include "tutti/nn/model.h"

namespace tutti {

// By depth, the longest way to an output, the farthest first; within one depth in the order of a depth-first walk from the
// outputs. Sources: keras/src/ops/function.py (map_graph), keras 2.3.1 engine/network.py (_map_graph_network).
std::vector<LayerPtr> layers_by_depth(const std::vector<ModelNode>& nodes, std::span<const int> outputs,
                                      const std::vector<LayerPtr>& layers);

}  // namespace tutti
