// Convolution and matrix product.
#include "tutti/engines/onednn/ops.h"

namespace tutti::onednn {

using namespace op;
using dnnl::algorithm;
using dnnl::prop_kind;

namespace {

struct Geometry {
  Dims strides, dilations, before, after;
};

Geometry geometry_of(const ConvAttributes& a) {
  // oneDNN counts the zeros between the taps.
  return {{a.strides[0], a.strides[1]},
          {a.dilations[0] - 1, a.dilations[1] - 1},
          {a.padding.top, a.padding.left},
          {a.padding.bottom, a.padding.right}};
}

Desc bias_desc(std::int64_t c_out) { return row_major_desc({c_out}); }

dnnl::convolution_forward::primitive_desc describe_forward(const ConvAttributes& a, const TensorType& x, const Shape& kernel,
                                                           const TensorType& y, bool has_bias,
                                                           const dnnl::primitive_attr& attributes) {
  const Geometry g = geometry_of(a);
  const auto direct = algorithm::convolution_direct;
  const Desc weights = kernel_any_desc(kernel, a.groups);
  if (!has_bias)
    return describe<dnnl::convolution_forward>(attributes, prop_kind::forward_training, direct, any_desc(x), weights,
                                               any_desc(y), g.strides, g.dilations, g.before, g.after);
  return describe<dnnl::convolution_forward>(attributes, prop_kind::forward_training, direct, any_desc(x), weights,
                                             bias_desc(kernel[3]), any_desc(y), g.strides, g.dilations, g.before, g.after);
}

// The relu behind `value` if nothing else reads what comes before it. oneDNN's fused relu makes 0 of NaN, where op.h lets it
// through: a NaN among the pixels does not show; one in the weights still does, in the layers without a relu.
const Node* fusible_relu(const Lowering& lowering, ValueId value) {
  const Node* next = lowering.sole_consumer(value);
  const auto* activation = next ? std::get_if<Activation>(&next->op) : nullptr;
  return activation && activation->kind == ActivationKind::kRelu ? next : nullptr;
}

dnnl::primitive_attr attributes_with(const Node* relu) {
  dnnl::primitive_attr attributes = scratchpad_attributes();
  if (!relu) return attributes;
  dnnl::post_ops post_ops;
#if DNNL_VERSION_MAJOR >= 3
  post_ops.append_eltwise(algorithm::eltwise_relu, 0.f, 0.f);
#else
  post_ops.append_eltwise(1.f, algorithm::eltwise_relu, 0.f, 0.f);
#endif
  attributes.set_post_ops(post_ops);
  return attributes;
}

// The gradient of a convolution's bias: dy summed over all but the channels.
bool is_bias_gradient(const Node& node) {
  const auto* reduce = std::get_if<Reduce>(&node.op);
  return reduce && reduce->kind == ReduceKind::kSum && reduce->axes == std::vector<int>{0, 1, 2} && !reduce->keep_dims;
}

}  // namespace

Refusal lower_op(Lowering& lowering, const Node& node, const Conv2D& op) {
  const ValueId x = node.inputs[0], kernel = node.inputs[1];
  const bool has_bias = node.inputs.size() > 2;
  const Node* relu = fusible_relu(lowering, node.outputs[0]);
  const ValueId y = relu ? relu->outputs[0] : node.outputs[0];
  const auto descriptor =
      describe_forward(op, lowering.type(x), lowering.shape(kernel), lowering.type(y), has_bias, attributes_with(relu));
  const Desc kernel_view = kernel_view_desc(lowering.shape(kernel), op.groups);
  std::vector<Argument> arguments{{DNNL_ARG_SRC, lowering.in(x, descriptor.src_desc())},
                                  {DNNL_ARG_WEIGHTS, lowering.in_view(kernel, kernel_view, descriptor.weights_desc())}};
  if (has_bias) arguments.push_back({DNNL_ARG_BIAS, lowering.plain(node.inputs[2])});
  arguments.push_back({DNNL_ARG_DST, lowering.out(y, descriptor.dst_desc())});
  lowering.plan().add_primitive(descriptor, dnnl::convolution_forward(descriptor), std::move(arguments));
  if (relu) lowering.mark_lowered(*relu);
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const Conv2DInputGrad& op) {
  const ValueId dy = node.inputs[0], kernel = node.inputs[1], dx = node.outputs[0];
  const auto forward =
      describe_forward(op, lowering.type(dx), lowering.shape(kernel), lowering.type(dy), false, scratchpad_attributes());
  const Geometry g = geometry_of(op);
  const auto descriptor = describe_backward<dnnl::convolution_backward_data>(
      scratchpad_attributes(), forward, algorithm::convolution_direct, any_desc(lowering.type(dx)),
      kernel_any_desc(lowering.shape(kernel), op.groups), any_desc(lowering.type(dy)), g.strides, g.dilations, g.before,
      g.after);
  const Desc kernel_view = kernel_view_desc(lowering.shape(kernel), op.groups);
  const Operand weights = lowering.in_view(kernel, kernel_view, descriptor.weights_desc());
  const Operand gradient = lowering.in(dy, descriptor.diff_dst_desc());
  lowering.plan().add_primitive(descriptor, dnnl::convolution_backward_data(descriptor),
                                {{DNNL_ARG_DIFF_DST, gradient},
                                 {DNNL_ARG_WEIGHTS, weights},
                                 {DNNL_ARG_DIFF_SRC, lowering.out(dx, descriptor.diff_src_desc())}});
  return {};
}

// Makes the bias's gradient on the way if the graph wants one of the same dy.
Refusal lower_op(Lowering& lowering, const Node& node, const Conv2DKernelGrad& op) {
  const ValueId x = node.inputs[0], dy = node.inputs[1], dkernel = node.outputs[0];
  const Shape& shape = lowering.shape(dkernel);
  const Node* reduce = lowering.ready_consumer(dy, is_bias_gradient);
  const auto forward = describe_forward(op, lowering.type(x), shape, lowering.type(dy), reduce, scratchpad_attributes());
  const Geometry g = geometry_of(op);
  const auto direct = algorithm::convolution_direct;
  const Desc weights = kernel_any_desc(shape, op.groups);
  using Backward = dnnl::convolution_backward_weights;
  const Backward::primitive_desc descriptor =
      reduce ? describe_backward<Backward>(scratchpad_attributes(), forward, direct, any_desc(lowering.type(x)), weights,
                                           bias_desc(shape[3]), any_desc(lowering.type(dy)), g.strides, g.dilations, g.before,
                                           g.after)
             : describe_backward<Backward>(scratchpad_attributes(), forward, direct, any_desc(lowering.type(x)), weights,
                                           any_desc(lowering.type(dy)), g.strides, g.dilations, g.before, g.after);

  const Operand view{lowering.out_plain(dkernel).buffer, kernel_view_desc(shape, op.groups)};
  const bool direct_write = descriptor.diff_weights_desc() == view.desc;
  const Operand result = direct_write ? view : lowering.temporary(descriptor.diff_weights_desc());
  std::vector<Argument> arguments{{DNNL_ARG_SRC, lowering.in(x, descriptor.src_desc())},
                                  {DNNL_ARG_DIFF_DST, lowering.in(dy, descriptor.diff_dst_desc())},
                                  {DNNL_ARG_DIFF_WEIGHTS, result}};
  if (reduce) {
    arguments.push_back({DNNL_ARG_DIFF_BIAS, lowering.out_plain(reduce->outputs[0])});
    lowering.mark_lowered(*reduce);
  }
  lowering.plan().add_primitive(descriptor, Backward(descriptor), std::move(arguments));
  if (!direct_write) lowering.plan().add_reorder(result, view);
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const MatMul& op) {
  const Node* relu = fusible_relu(lowering, node.outputs[0]);
  const ValueId y = relu ? relu->outputs[0] : node.outputs[0];
  const std::int64_t m = lowering.shape(y)[0], n = lowering.shape(y)[1];
  const std::int64_t k = lowering.shape(node.inputs[0])[op.transpose_a ? 0 : 1];
  const auto matrix = [&](ValueId value, std::int64_t rows, std::int64_t columns, bool transposed) {
    const Dims strides = transposed ? Dims{1, rows} : Dims{columns, 1};
    return Operand{lowering.plain(value).buffer, Desc({rows, columns}, dnnl::memory::data_type::f32, strides)};
  };
  const Operand a = matrix(node.inputs[0], m, k, op.transpose_a), b = matrix(node.inputs[1], k, n, op.transpose_b);
  const Desc bias = row_major_desc({1, n}), result = row_major_desc({m, n});
  const bool has_bias = node.inputs.size() > 2;
  const dnnl::primitive_attr attributes = attributes_with(relu);
  const auto descriptor = has_bias ? describe<dnnl::matmul>(attributes, a.desc, b.desc, bias, result)
                                   : describe<dnnl::matmul>(attributes, a.desc, b.desc, result);
  std::vector<Argument> arguments{{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}};
  if (has_bias) arguments.push_back({DNNL_ARG_BIAS, {lowering.plain(node.inputs[2]).buffer, bias}});
  arguments.push_back({DNNL_ARG_DST, lowering.out_plain(y)});
  lowering.plan().add_primitive(descriptor, dnnl::matmul(descriptor), std::move(arguments));
  if (relu) lowering.mark_lowered(*relu);
  return {};
}

}  // namespace tutti::onednn
