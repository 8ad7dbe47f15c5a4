// Pooling and upsampling. Max pooling is ours: oneDNN lets NaN lose, which hides a training run that has diverged.
#include "tutti/engines/onednn/loops.h"
#include "tutti/engines/onednn/ops.h"

namespace tutti::onednn {

using namespace op;
using dnnl::algorithm;
using dnnl::prop_kind;

namespace {

template <class P, class... Args>
typename P::primitive_desc describe_pooling(const PoolAttributes& pool, const Args&... args) {
  const Dims strides{pool.strides[0], pool.strides[1]}, window{pool.window[0], pool.window[1]};
  const Dims before{pool.padding.top, pool.padding.left}, after{pool.padding.bottom, pool.padding.right};
#if DNNL_VERSION_MAJOR >= 3
  const Dims dense{0, 0};
  if constexpr (std::is_same_v<P, dnnl::pooling_forward>)
    return describe<P>(scratchpad_attributes(), args..., strides, window, dense, before, after);
  else
    return describe_backward<P>(scratchpad_attributes(), args..., strides, window, dense, before, after);
#else
  if constexpr (std::is_same_v<P, dnnl::pooling_forward>)
    return describe<P>(scratchpad_attributes(), args..., strides, window, before, after);
  else
    return describe_backward<P>(scratchpad_attributes(), args..., strides, window, before, after);
#endif
}

// An image of the extents of `type` that lies as `layout` says.
ImageLayout resized(ImageLayout layout, const TensorType& type) {
  layout.h = type.shape[1];
  layout.w = type.shape[2];
  return layout;
}

constexpr algorithm kAverage = algorithm::pooling_avg_exclude_padding;

}  // namespace

Refusal lower_op(Lowering& lowering, const Node& node, const MaxPool2D& op) {
  const Operand x = lowering.loopable(node.inputs[0]);
  const ImageLayout x_layout = *image_layout(x.desc, lowering.type(node.inputs[0]));
  const ImageLayout y_layout = resized(x_layout, lowering.type(node.outputs[0]));
  const BufferId y = lowering.out(node.outputs[0], desc_of(y_layout, lowering.type(node.outputs[0]))).buffer;
  const BufferId argmax = lowering.out(node.outputs[1], desc_of(y_layout, lowering.type(node.outputs[1]))).buffer;
  Plan* plan = &lowering.plan();
  plan->add_loop("max_pool", {x.buffer, y, argmax}, [=, x = x.buffer] {
    max_pool(op, x_layout, y_layout, plan->data<float>(x), plan->data<float>(y), plan->data<std::int32_t>(argmax));
  });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const MaxPool2DGrad& op) {
  const ValueId dx_value = node.outputs[0];
  const Operand dy = lowering.loopable_as(node.inputs[1], node.inputs[0]);
  const ImageLayout y_layout = *image_layout(dy.desc, lowering.type(node.inputs[0]));
  const ImageLayout x_layout = resized(y_layout, lowering.type(dx_value));
  const BufferId argmax = lowering.in_layout_of(dy, node.inputs[0], node.inputs[1]).buffer;
  const BufferId dx = lowering.out(dx_value, desc_of(x_layout, lowering.type(dx_value))).buffer;
  Plan* plan = &lowering.plan();
  plan->add_loop("max_pool_grad", {dy.buffer, argmax, dx}, [=, dy = dy.buffer] {
    max_pool_grad(op, x_layout, y_layout, plan->data<float>(dy), plan->data<std::int32_t>(argmax), plan->data<float>(dx));
  });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const AveragePool2D& op) {
  const Operand x = lowering.native(node.inputs[0]);
  const auto descriptor = describe_pooling<dnnl::pooling_forward>(op, prop_kind::forward_training, kAverage, x.desc,
                                                                  any_desc(lowering.type(node.outputs[0])));
  const Operand y = lowering.out(node.outputs[0], descriptor.dst_desc());
  lowering.plan().add_primitive(descriptor, dnnl::pooling_forward(descriptor), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const AveragePool2DGrad& op) {
  const Operand dy = lowering.loopable(node.inputs[0]);
  const ImageLayout y_layout = *image_layout(dy.desc, lowering.type(node.inputs[0]));
  const TensorType& x_type = lowering.type(node.outputs[0]);
  const Desc dx_desc = desc_of(resized(y_layout, x_type), x_type);
  const auto forward = describe_pooling<dnnl::pooling_forward>(op, prop_kind::forward_training, kAverage, dx_desc, dy.desc);
  const auto descriptor = describe_pooling<dnnl::pooling_backward>(op, forward, kAverage, dx_desc, dy.desc);
  const Operand dx = lowering.out(node.outputs[0], dx_desc);
  lowering.plan().add_primitive(descriptor, dnnl::pooling_backward(descriptor),
                                {{DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_SRC, dx}});
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const Upsample2D&) {
  const TensorType& type = lowering.type(node.outputs[0]);
  if (type.dtype != DType::kFloat32) return "upsampling needs float32";
  const Operand x = lowering.loopable(node.inputs[0]);
  const Desc y_desc = desc_of(resized(*image_layout(x.desc, lowering.type(node.inputs[0])), type), type);
  const auto descriptor = describe<dnnl::resampling_forward>(scratchpad_attributes(), prop_kind::forward_training,
                                                             algorithm::resampling_nearest, x.desc, y_desc);
  const Operand y = lowering.out(node.outputs[0], y_desc);
  lowering.plan().add_primitive(descriptor, dnnl::resampling_forward(descriptor), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const Upsample2DGrad&) {
  const TensorType& type = lowering.type(node.outputs[0]);
  const Operand dy = lowering.loopable(node.inputs[0]);
  const Desc dx_desc = desc_of(resized(*image_layout(dy.desc, lowering.type(node.inputs[0])), type), type);
  const auto nearest = algorithm::resampling_nearest;
  const auto forward =
      describe<dnnl::resampling_forward>(scratchpad_attributes(), prop_kind::forward_training, nearest, dx_desc, dy.desc);
  const auto descriptor =
      describe_backward<dnnl::resampling_backward>(scratchpad_attributes(), forward, nearest, dx_desc, dy.desc);
  const Operand dx = lowering.out(node.outputs[0], dx_desc);
  lowering.plan().add_primitive(descriptor, dnnl::resampling_backward(descriptor),
                                {{DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_SRC, dx}});
  return {};
}

}  // namespace tutti::onednn
