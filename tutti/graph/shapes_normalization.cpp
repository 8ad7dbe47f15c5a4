#include <cmath>
#include <limits>
#include <string_view>

#include "tutti/base/error.h"
#include "tutti/graph/shape_rules.h"
#include "tutti/graph/type_checks.h"

namespace tutti::shape_rules {
namespace {

using namespace op;

void check_epsilon(std::string_view name, double epsilon) {
  if (!(epsilon >= 0) || !std::isfinite(epsilon))
    fail(name, "epsilon out of range. Expected a finite number of at least 0. Got {}.", epsilon);
}

void check_rate(std::string_view name, double rate) {
  if (!(rate >= 0 && rate < 1)) fail(name, "rate out of range. Expected 0 <= rate < 1. Got {}.", rate);
}

Shape without_last_axis(const Shape& shape) { return Shape(std::vector<std::int64_t>(shape.begin(), shape.end() - 1)); }

// The type of gamma and beta: (c) of x (..., c).
TensorType channel_type(const TensorType& x) { return {x.dtype, {x.shape[-1]}}; }

// The mask of a dropout: row-major words of a Philox stream.
void check_mask(std::string_view name, const Shape& mask, const Shape& x) {
  bool fits = mask.rank() == x.rank();
  for (int axis = 0; fits && axis < x.rank(); ++axis) fits = mask[axis] == x[axis] || mask[axis] == 1;
  if (!fits) fail(name, "the mask does not fit x. Expected the extents of {} or 1. Got {}.", to_string(x), to_string(mask));
  // A block of four words has a 32-bit number.
  constexpr std::int64_t kMaxWords = std::int64_t{4} << 32;
  if (mask.elements() > kMaxWords)
    fail(name, "the mask is too large. Expected at most {} elements. Got {}.", kMaxWords, to_string(mask));
}

Types batch_norm_grad(const Inputs& in, double epsilon) {
  check_epsilon(in.op(), epsilon);
  const TensorType& x = in.floating_rows(1);
  const TensorType channels = channel_type(x);
  in.exactly(0, x);
  for (int input = 2; input < 5; ++input) in.exactly(input, channels);
  return {x, channels, channels};
}

// The loss of each sample: (...) of a prediction (..., c).
TensorType check_loss(const Inputs& in, const LossAttributes& op, int prediction) {
  const TensorType& type = in.floating_rows(prediction);
  const TensorType loss{type.dtype, without_last_axis(type.shape)};
  const int target = prediction + 1;
  if (op.kind == LossKind::kSparseCategoricalCrossEntropy)
    in.exactly(target, {DType::kInt32, loss.shape});
  else
    in.exactly(target, type);
  const bool cross_entropy = op.kind == LossKind::kCategoricalCrossEntropy || op.kind == LossKind::kBinaryCrossEntropy ||
                             op.kind == LossKind::kSparseCategoricalCrossEntropy;
  if (op.from_logits && !cross_entropy) fail(in.op(), "from_logits is for cross-entropies. Got {}.", name_of(op.kind));
  if (!(op.label_smoothing >= 0 && op.label_smoothing <= 1))
    fail(in.op(), "label_smoothing out of range. Expected 0 to 1. Got {}.", op.label_smoothing);
  if (op.label_smoothing > 0 && !cross_entropy)
    fail(in.op(), "label_smoothing is for cross-entropies. Got {} for {}.", op.label_smoothing, name_of(op.kind));
  if (!(op.delta > 0) || !std::isfinite(op.delta)) fail(in.op(), "delta out of range. Expected more than 0. Got {}.", op.delta);
  return loss;
}

}  // namespace

Types infer(const Softmax&, TypeSpan types) {
  const Inputs in("Softmax", types, {"x"});
  return {in.floating_rows(0)};
}

Types infer(const SoftmaxGrad&, TypeSpan types) {
  const Inputs in("SoftmaxGrad", types, {"dy", "y"});
  const TensorType& y = in.floating_rows(1);
  in.exactly(0, y);
  return {y};
}

Types infer(const BatchNorm& op, TypeSpan types) {
  const Inputs in("BatchNorm", types, {"x", "gamma", "beta"});
  check_epsilon(in.op(), op.epsilon);
  const TensorType& x = in.floating_rows(0);
  const TensorType channels = channel_type(x);
  in.exactly(1, channels);
  in.exactly(2, channels);
  return {x, channels, channels};
}

Types infer(const BatchNormGrad& op, TypeSpan types) {
  return batch_norm_grad(Inputs("BatchNormGrad", types, {"dy", "x", "gamma", "mean", "variance"}), op.epsilon);
}

Types infer(const BatchNormInference& op, TypeSpan types) {
  const Inputs in("BatchNormInference", types, {"x", "gamma", "beta", "mean", "variance"});
  check_epsilon(in.op(), op.epsilon);
  const TensorType& x = in.floating_rows(0);
  for (int input = 1; input < 5; ++input) in.exactly(input, channel_type(x));
  return {x};
}

Types infer(const BatchNormInferenceGrad& op, TypeSpan types) {
  return batch_norm_grad(Inputs("BatchNormInferenceGrad", types, {"dy", "x", "gamma", "mean", "variance"}), op.epsilon);
}

Types infer(const LayerNorm& op, TypeSpan types) {
  const Inputs in("LayerNorm", types, {"x", "gamma", "beta"});
  check_epsilon(in.op(), op.epsilon);
  const TensorType& x = in.floating_rows(0);
  in.exactly(1, channel_type(x));
  in.exactly(2, channel_type(x));
  const TensorType rows{x.dtype, without_last_axis(x.shape)};
  return {x, rows, rows};
}

Types infer(const LayerNormGrad& op, TypeSpan types) {
  const Inputs in("LayerNormGrad", types, {"dy", "x", "gamma", "mean", "variance"});
  check_epsilon(in.op(), op.epsilon);
  const TensorType& x = in.floating_rows(1);
  const TensorType channels = channel_type(x), rows{x.dtype, without_last_axis(x.shape)};
  in.exactly(0, x);
  in.exactly(2, channels);
  in.exactly(3, rows);
  in.exactly(4, rows);
  return {x, channels, channels};
}

Types infer(const Dropout& op, TypeSpan types) {
  const Inputs in("Dropout", types, {"x", "step"});
  check_rate(in.op(), op.rate);
  const TensorType& x = in.floating(0);
  in.step(1);
  check_mask(in.op(), op.mask_shape, x.shape);
  return {x, {DType::kUInt8, op.mask_shape}};
}

Types infer(const DropoutGrad& op, TypeSpan types) {
  const Inputs in("DropoutGrad", types, {"dy", "mask"});
  check_rate(in.op(), op.rate);
  const TensorType& dy = in.floating(0);
  in.exactly(1, {DType::kUInt8, in.shape(1)});
  check_mask(in.op(), in.shape(1), dy.shape);
  return {dy};
}

Types infer(const Loss& op, TypeSpan types) {
  const Inputs in("Loss", types, {"prediction", "target"});
  return {check_loss(in, op, 0)};
}

Types infer(const LossGrad& op, TypeSpan types) {
  const Inputs in("LossGrad", types, {"dloss", "prediction", "target"});
  in.exactly(0, check_loss(in, op, 1));
  return {in[1]};
}

}  // namespace tutti::shape_rules
