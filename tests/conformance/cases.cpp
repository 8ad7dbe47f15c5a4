#include "cases.h"

#include "tutti/base/error.h"
#include "tutti/base/philox.h"
#include "tutti/engines/reference/reference.h"

namespace tutti::conformance {
namespace {

constexpr std::uint64_t kSeed = 20210329;

template <class Function>
Tensor filled(Shape shape, DType dtype, Function value_at) {
  Tensor tensor(std::move(shape), DType::kFloat64);
  std::uint64_t i = 0;
  for (double& value : tensor.data<double>()) value = value_at(i++);
  return dtype == DType::kFloat64 ? tensor : tensor.cast(dtype);
}

}  // namespace

Tensor Draws::normal(Shape shape, double scale, double mean) {
  const Philox random(kSeed, stream_++);
  return filled(std::move(shape), dtype_, [&](std::uint64_t i) { return mean + scale * random.normal(i); });
}

Tensor Draws::uniform(Shape shape, double low, double high) {
  const Philox random(kSeed, stream_++);
  return filled(std::move(shape), dtype_, [&](std::uint64_t i) { return low + (high - low) * random.uniform(i); });
}

Tensor Draws::whole_numbers(Shape shape, int bound) {
  const Philox random(kSeed, stream_++);
  return filled(std::move(shape), dtype_, [&](std::uint64_t i) { return random.below(i, static_cast<std::uint32_t>(bound)); });
}

Tensor Draws::probabilities(Shape shape) { return run(op::Softmax{}, {normal(std::move(shape))})[0]; }

Tensor Draws::one_hot(Shape shape) {
  const Philox random(kSeed, stream_++);
  const auto classes = static_cast<std::uint64_t>(shape[-1]);
  return filled(std::move(shape), dtype_, [&](std::uint64_t i) {
    return i % classes == random.below(i / classes, static_cast<std::uint32_t>(classes)) ? 1.0 : 0.0;
  });
}

Tensor Draws::labels(Shape shape, int classes) {
  const Philox random(kSeed, stream_++);
  return filled(std::move(shape), DType::kInt32,
                [&](std::uint64_t i) { return random.below(i, static_cast<std::uint32_t>(classes)); });
}

Tensor Draws::mask(Shape shape) {
  const Philox random(kSeed, stream_++);
  return filled(std::move(shape), DType::kUInt8, [&](std::uint64_t i) { return random.below(i, 4) > 0 ? 1.0 : 0.0; });
}

Tensor Draws::pixels(Shape shape) {
  const Philox random(kSeed, stream_++);
  return filled(std::move(shape), DType::kUInt8, [&](std::uint64_t i) { return random.below(i, 256); });
}

Tensor Draws::of(Shape shape, const std::vector<double>& values) const {
  const Tensor tensor = Tensor::of<double>(std::move(shape), values);
  return tensor.cast(dtype_);
}

std::vector<Tensor> Draws::run(const Op& op, const std::vector<Tensor>& inputs) {
  const OpCall call = call_of(op, inputs);
  std::vector<Tensor> outputs;
  std::vector<ConstView> in;
  std::vector<View> out;
  for (const TensorType& type : call.outputs) outputs.emplace_back(type);
  for (const Tensor& input : inputs) in.push_back(input.view());
  for (Tensor& output : outputs) out.push_back(output.view());
  const Prepared prepared = prepare_reference(call);
  if (!prepared.kernel) fail("conformance", "the reference engine refused {}: {}", name_of(op), prepared.refusal);
  prepared.kernel->run(in, out);
  return outputs;
}

OpCall call_of(const Op& op, const std::vector<Tensor>& inputs) {
  OpCall call{op, {}, {}};
  for (const Tensor& input : inputs) call.inputs.push_back(input.type());
  call.outputs = infer_types(op, call.inputs);
  return call;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> cases;
    add_convolutions(cases);
    add_pools(cases);
    add_elementwise(cases);
    add_reductions(cases);
    add_layouts(cases);
    add_losses(cases);
    add_optimizers(cases);
    return cases;
  }();
  return all;
}

}  // namespace tutti::conformance
