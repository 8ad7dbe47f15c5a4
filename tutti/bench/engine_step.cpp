#include "tutti/bench/engine_step.h"

#include "tutti/base/philox.h"

namespace tutti {
namespace {

Tensor drawn(const TensorType& type, std::uint32_t classes) {
  Tensor tensor(type);
  const Philox random(1, stream_of("bench"));
  std::uint64_t i = 0;
  if (type.dtype == DType::kInt32)
    for (std::int32_t& label : tensor.data<std::int32_t>()) label = static_cast<std::int32_t>(random.below(i++, classes));
  if (type.dtype == DType::kFloat32)
    for (float& pixel : tensor.data<float>()) pixel = static_cast<float>(random.below(i++, 256));
  return tensor;
}

}  // namespace

EngineStep::EngineStep(const Model& model, Purpose purpose, std::int64_t batch_size)
    : model_(model), request_{.purpose = purpose, .batch_size = batch_size} {
  const Graph& graph = this->graph();
  for (const NamedValue& output : graph.outputs()) outputs_.emplace_back(graph.type(output.value));
  const Shape& prediction = graph.shape(graph.outputs().back().value);
  const auto classes = static_cast<std::uint32_t>(prediction.rank() > 0 ? prediction[-1] : 1);
  for (const NamedValue& input : graph.inputs()) batch_.push_back(drawn(graph.type(input.value), classes));
  for (std::size_t i = 0; i < batch_.size(); ++i) feeds_.push_back({graph.inputs()[i].value, batch_[i].view()});
  for (std::size_t i = 0; i < outputs_.size(); ++i) fetches_.push_back({graph.outputs()[i].value, outputs_[i].view()});
}

}  // namespace tutti
