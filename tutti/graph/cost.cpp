#include "tutti/graph/cost.h"

#include <algorithm>

namespace tutti {
namespace {

using namespace op;

double elements(const TensorType& type) { return static_cast<double>(type.shape.elements()); }

// `kernel` (k_h, k_w, c_in / groups, c_out); `outer`: all elements of the convolution's output.
double flops_of_convolution(const Shape& kernel, double outer) {
  return 2 * outer * static_cast<double>(kernel[0] * kernel[1] * kernel[2]);
}

double flops_of_pooling(const PoolAttributes& pool, double cells) {
  return cells * static_cast<double>(pool.window[0]) * static_cast<double>(pool.window[1]);
}

}  // namespace

double flops_of(const Op& op, std::span<const TensorType> inputs, std::span<const TensorType> outputs) {
  return std::visit(
      Overloaded{[&](const Conv2D&) { return flops_of_convolution(inputs[1].shape, elements(outputs[0])); },
                 [&](const Conv2DInputGrad&) { return flops_of_convolution(inputs[1].shape, elements(inputs[0])); },
                 [&](const Conv2DKernelGrad& grad) { return flops_of_convolution(grad.kernel_shape, elements(inputs[1])); },
                 [&](const MatMul& product) {
                   const Shape& a = inputs[0].shape;
                   return 2 * elements(outputs[0]) * static_cast<double>(product.transpose_a ? a[0] : a[1]);
                 },
                 [&](const MaxPool2D& pool) { return flops_of_pooling(pool, elements(outputs[0])); },
                 [&](const AveragePool2D& pool) { return flops_of_pooling(pool, elements(outputs[0])); },
                 [](const Reshape&) { return 0.0; },
                 [&](const auto&) {
                   double largest = 0;
                   for (const auto& types : {inputs, outputs})
                     for (const TensorType& type : types) largest = std::max(largest, elements(type));
                   return largest;
                 }},
      op);
}

double flops_of(const Graph& graph) {
  double sum = 0;
  std::vector<TensorType> inputs, outputs;
  for (const Node& node : graph.nodes()) {
    inputs.clear();
    outputs.clear();
    for (const ValueId value : node.inputs) inputs.push_back(graph.type(value));
    for (const ValueId value : node.outputs) outputs.push_back(graph.type(value));
    sum += flops_of(node.op, inputs, outputs);
  }
  return sum;
}

}  // namespace tutti
