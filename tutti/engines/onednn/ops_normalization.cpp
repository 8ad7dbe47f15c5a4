#include "tutti/engines/onednn/ops.h"

namespace tutti::onednn {

using namespace op;
using dnnl::normalization_flags;
using dnnl::prop_kind;

namespace {

using BatchForward = dnnl::batch_normalization_forward;
using BatchBackward = dnnl::batch_normalization_backward;
using LayerForward = dnnl::layer_normalization_forward;
using LayerBackward = dnnl::layer_normalization_backward;

const normalization_flags kScaleAndShift = normalization_flags::use_scale | normalization_flags::use_shift;
const normalization_flags kGivenStatistics = kScaleAndShift | normalization_flags::use_global_stats;

// (..., c) as the matrix (rows, c).
Desc rows_desc(const Shape& shape) { return row_major_desc({shape.elements() / shape[-1], shape[-1]}); }

// x as oneDNN normalises it over all but the channels: an image as it lies, anything else as a matrix.
Operand batch_input(Lowering& lowering, ValueId x) {
  if (lowering.shape(x).rank() == 4) return lowering.native(x);
  return {lowering.plain(x).buffer, rows_desc(lowering.shape(x))};
}

// A value of x's shape in x's layout.
Operand batch_like(Lowering& lowering, const Operand& x, ValueId value) {
  if (lowering.shape(value).rank() == 4) return lowering.in(value, x.desc);
  return {lowering.plain(value).buffer, x.desc};
}

Operand batch_out(Lowering& lowering, const Operand& x, ValueId value) {
  if (lowering.shape(value).rank() == 4) return lowering.out(value, x.desc);
  return {lowering.out_plain(value).buffer, x.desc};
}

BatchForward::primitive_desc describe_batch_forward(prop_kind kind, const Desc& x, double epsilon, normalization_flags flags) {
#if DNNL_VERSION_MAJOR >= 3
  return describe<BatchForward>(scratchpad_attributes(), kind, x, x, static_cast<float>(epsilon), flags);
#else
  return describe<BatchForward>(scratchpad_attributes(), kind, x, static_cast<float>(epsilon), flags);
#endif
}

BatchBackward::primitive_desc describe_batch_backward(const BatchForward::primitive_desc& forward, const Desc& x,
                                                      double epsilon, normalization_flags flags) {
#if DNNL_VERSION_MAJOR >= 3
  return describe_backward<BatchBackward>(scratchpad_attributes(), forward, prop_kind::backward, x, x, x,
                                          static_cast<float>(epsilon), flags);
#else
  return describe_backward<BatchBackward>(scratchpad_attributes(), forward, prop_kind::backward, x, x,
                                          static_cast<float>(epsilon), flags);
#endif
}

LayerForward::primitive_desc describe_layer_forward(const Desc& x, const Desc& statistics, double epsilon) {
#if DNNL_VERSION_MAJOR >= 3
  return describe<LayerForward>(scratchpad_attributes(), prop_kind::forward_training, x, x, statistics,
                                static_cast<float>(epsilon), kScaleAndShift);
#else
  return describe<LayerForward>(scratchpad_attributes(), prop_kind::forward_training, x, statistics,
                                static_cast<float>(epsilon), kScaleAndShift);
#endif
}

LayerBackward::primitive_desc describe_layer_backward(const LayerForward::primitive_desc& forward, const Desc& x,
                                                      const Desc& statistics, double epsilon) {
#if DNNL_VERSION_MAJOR >= 3
  return describe_backward<LayerBackward>(scratchpad_attributes(), forward, prop_kind::backward, x, x, x, statistics,
                                          static_cast<float>(epsilon), kScaleAndShift);
#else
  return describe_backward<LayerBackward>(scratchpad_attributes(), forward, prop_kind::backward, x, x, statistics,
                                          static_cast<float>(epsilon), kScaleAndShift);
#endif
}

// oneDNN 2 wants the shift in backward primitives too, and does not read it: any vector as long as gamma will do.
void pass_unread_shift(std::vector<Argument>& arguments, const Operand& gamma) {
  if (DNNL_VERSION_MAJOR < 3) arguments.push_back({DNNL_ARG_SHIFT, gamma});
}

// in: dy, x, gamma, mean, variance   out: dx, dgamma, dbeta
Refusal add_batch_grad(Lowering& lowering, const Node& node, double epsilon, normalization_flags flags) {
  const Operand x = batch_input(lowering, node.inputs[1]);
  const auto forward = describe_batch_forward(prop_kind::forward_training, x.desc, epsilon, flags);
  const auto descriptor = describe_batch_backward(forward, x.desc, epsilon, flags);
  const Operand dy = batch_like(lowering, x, node.inputs[0]);
  const Operand gamma = lowering.plain(node.inputs[2]), mean = lowering.plain(node.inputs[3]);
  const Operand variance = lowering.plain(node.inputs[4]);
  const Operand dx = batch_out(lowering, x, node.outputs[0]);
  const Operand dgamma = lowering.out_plain(node.outputs[1]), dbeta = lowering.out_plain(node.outputs[2]);
  std::vector<Argument> arguments{
      {DNNL_ARG_SRC, x},       {DNNL_ARG_MEAN, mean},   {DNNL_ARG_VARIANCE, variance}, {DNNL_ARG_DIFF_DST, dy},
      {DNNL_ARG_SCALE, gamma}, {DNNL_ARG_DIFF_SRC, dx}, {DNNL_ARG_DIFF_SCALE, dgamma}, {DNNL_ARG_DIFF_SHIFT, dbeta}};
  pass_unread_shift(arguments, gamma);
  lowering.plan().add_primitive(descriptor, BatchBackward(descriptor), std::move(arguments));
  return {};
}

}  // namespace

Refusal lower_op(Lowering& lowering, const Node& node, const BatchNorm& op) {
  const Operand x = batch_input(lowering, node.inputs[0]);
  const auto descriptor = describe_batch_forward(prop_kind::forward_training, x.desc, op.epsilon, kScaleAndShift);
  const Operand gamma = lowering.plain(node.inputs[1]), beta = lowering.plain(node.inputs[2]);
  const Operand y = batch_out(lowering, x, node.outputs[0]);
  const Operand mean = lowering.out_plain(node.outputs[1]), variance = lowering.out_plain(node.outputs[2]);
  lowering.plan().add_primitive(descriptor, BatchForward(descriptor),
                                {{DNNL_ARG_SRC, x},
                                 {DNNL_ARG_SCALE, gamma},
                                 {DNNL_ARG_SHIFT, beta},
                                 {DNNL_ARG_DST, y},
                                 {DNNL_ARG_MEAN, mean},
                                 {DNNL_ARG_VARIANCE, variance}});
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const BatchNormGrad& op) {
  return add_batch_grad(lowering, node, op.epsilon, kScaleAndShift);
}

Refusal lower_op(Lowering& lowering, const Node& node, const BatchNormInference& op) {
  const Operand x = batch_input(lowering, node.inputs[0]);
  const auto descriptor = describe_batch_forward(prop_kind::forward_inference, x.desc, op.epsilon, kGivenStatistics);
  const Operand gamma = lowering.plain(node.inputs[1]), beta = lowering.plain(node.inputs[2]);
  const Operand mean = lowering.plain(node.inputs[3]), variance = lowering.plain(node.inputs[4]);
  const Operand y = batch_out(lowering, x, node.outputs[0]);
  lowering.plan().add_primitive(descriptor, BatchForward(descriptor),
                                {{DNNL_ARG_SRC, x},
                                 {DNNL_ARG_SCALE, gamma},
                                 {DNNL_ARG_SHIFT, beta},
                                 {DNNL_ARG_MEAN, mean},
                                 {DNNL_ARG_VARIANCE, variance},
                                 {DNNL_ARG_DST, y}});
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const BatchNormInferenceGrad& op) {
  return add_batch_grad(lowering, node, op.epsilon, kGivenStatistics);
}

Refusal lower_op(Lowering& lowering, const Node& node, const LayerNorm& op) {
  const Shape& shape = lowering.shape(node.inputs[0]);
  const Desc rows = rows_desc(shape), statistics = row_major_desc({shape.elements() / shape[-1]});
  const auto descriptor = describe_layer_forward(rows, statistics, op.epsilon);
  const Operand x{lowering.plain(node.inputs[0]).buffer, rows};
  const Operand gamma = lowering.plain(node.inputs[1]), beta = lowering.plain(node.inputs[2]);
  const Operand y{lowering.out_plain(node.outputs[0]).buffer, rows};
  const Operand mean{lowering.out_plain(node.outputs[1]).buffer, statistics};
  const Operand variance{lowering.out_plain(node.outputs[2]).buffer, statistics};
  lowering.plan().add_primitive(descriptor, LayerForward(descriptor),
                                {{DNNL_ARG_SRC, x},
                                 {DNNL_ARG_SCALE, gamma},
                                 {DNNL_ARG_SHIFT, beta},
                                 {DNNL_ARG_DST, y},
                                 {DNNL_ARG_MEAN, mean},
                                 {DNNL_ARG_VARIANCE, variance}});
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const LayerNormGrad& op) {
  const Shape& shape = lowering.shape(node.inputs[1]);
  const Desc rows = rows_desc(shape), statistics = row_major_desc({shape.elements() / shape[-1]});
  const auto forward = describe_layer_forward(rows, statistics, op.epsilon);
  const auto descriptor = describe_layer_backward(forward, rows, statistics, op.epsilon);
  const Operand dy{lowering.plain(node.inputs[0]).buffer, rows}, x{lowering.plain(node.inputs[1]).buffer, rows};
  const Operand gamma = lowering.plain(node.inputs[2]);
  const Operand mean{lowering.plain(node.inputs[3]).buffer, statistics};
  const Operand variance{lowering.plain(node.inputs[4]).buffer, statistics};
  const Operand dx{lowering.out_plain(node.outputs[0]).buffer, rows};
  const Operand dgamma = lowering.out_plain(node.outputs[1]), dbeta = lowering.out_plain(node.outputs[2]);
  std::vector<Argument> arguments{
      {DNNL_ARG_SRC, x},       {DNNL_ARG_MEAN, mean},   {DNNL_ARG_VARIANCE, variance}, {DNNL_ARG_DIFF_DST, dy},
      {DNNL_ARG_SCALE, gamma}, {DNNL_ARG_DIFF_SRC, dx}, {DNNL_ARG_DIFF_SCALE, dgamma}, {DNNL_ARG_DIFF_SHIFT, dbeta}};
  pass_unread_shift(arguments, gamma);
  lowering.plan().add_primitive(descriptor, LayerBackward(descriptor), std::move(arguments));
  return {};
}

}  // namespace tutti::onednn
