// Reductions and softmax.
#include "tutti/engines/onednn/loops.h"
#include "tutti/engines/onednn/ops.h"

namespace tutti::onednn {

using namespace op;
using dnnl::algorithm;
using dnnl::prop_kind;

namespace {

// A convolution that makes its bias's gradient, which is `node`, on the way.
bool makes_bias_gradient(const Node& convolution, const Node& node) {
  return std::holds_alternative<Conv2DKernelGrad>(convolution.op) && convolution.inputs[1] == node.inputs[0];
}

// Axes that are no neighbours: by oneDNN, in row-major memory.
Refusal reduce_scattered(Lowering& lowering, const Node& node, const Reduce& op) {
  const Shape& shape = lowering.shape(node.inputs[0]);
  Dims kept = shape.extents();
  for (const int axis : op.axes) kept[static_cast<std::size_t>(axis)] = 1;
  const Operand x{lowering.plain(node.inputs[0]).buffer, row_major_desc(shape.extents())};
  const bool powers = op.kind == ReduceKind::kSumSquares || op.kind == ReduceKind::kSumAbs;
  const algorithm kind = powers                         ? algorithm::reduction_norm_lp_power_p_sum
                         : op.kind == ReduceKind::kMean ? algorithm::reduction_mean
                                                        : algorithm::reduction_sum;
  const float power = op.kind == ReduceKind::kSumSquares ? 2.0f : 1.0f;
  const auto descriptor = describe<dnnl::reduction>(scratchpad_attributes(), kind, x.desc, row_major_desc(kept), power, 0.0f);
  const Operand y{lowering.out_plain(node.outputs[0]).buffer, row_major_desc(kept)};
  lowering.plan().add_primitive(descriptor, dnnl::reduction(descriptor), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
  return {};
}

// (..., c) as the matrix (rows, c).
Desc rows_desc(const Shape& shape) { return row_major_desc({shape.elements() / shape[-1], shape[-1]}); }

#if DNNL_VERSION_MAJOR >= 3
using SoftmaxForward = dnnl::softmax_forward;
#else
using SoftmaxForward = dnnl::softmax_v2_forward;
#endif

}  // namespace

Refusal lower_op(Lowering& lowering, const Node& node, const Reduce& op) {
  const ValueId x_value = node.inputs[0];
  const Shape& shape = lowering.shape(x_value);
  if (lowering.type(x_value).dtype != DType::kFloat32) return "reductions need float32";
  const Node* convolution = lowering.ready_consumer(x_value, [&](const Node& n) { return makes_bias_gradient(n, node); });
  if (convolution && op.axes == std::vector<int>{0, 1, 2} && op.kind == ReduceKind::kSum && !op.keep_dims) {
    if (lower(lowering, *convolution).empty()) {
      lowering.mark_lowered(*convolution);
      return {};
    }
  }
  const int first = op.axes.empty() ? 0 : op.axes.front(), last = op.axes.empty() ? shape.rank() - 1 : op.axes.back();
  if (!op.axes.empty() && last - first + 1 != static_cast<int>(op.axes.size())) return reduce_scattered(lowering, node, op);
  std::int64_t outer = 1, reduced = 1, inner = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) (axis < first ? outer : axis > last ? inner : reduced) *= shape[axis];
  const BufferId x = lowering.plain(x_value).buffer, y = lowering.out_plain(node.outputs[0]).buffer;
  Plan* plan = &lowering.plan();
  plan->add_loop("reduce", {x, y},
                 [=, kind = op.kind] { reduce(kind, outer, reduced, inner, plan->data<float>(x), plan->data<float>(y)); });
  return {};
}

// The logarithm and the gradients are ours: oneDNN sums in float, and what cancels there is all that is left of a small
// gradient.
Refusal lower_op(Lowering& lowering, const Node& node, const Softmax& op) {
  const Desc desc = rows_desc(lowering.shape(node.inputs[0]));
  const Operand x{lowering.plain(node.inputs[0]).buffer, desc};
  if (!op.log) {
    const auto descriptor = describe<SoftmaxForward>(scratchpad_attributes(), prop_kind::forward_training,
                                                     algorithm::softmax_accurate, desc, desc, 1);
    const Operand y{lowering.out_plain(node.outputs[0]).buffer, desc};
    lowering.plan().add_primitive(descriptor, SoftmaxForward(descriptor), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
    return {};
  }
  const std::int64_t c = lowering.shape(node.inputs[0])[-1], rows = lowering.shape(node.inputs[0]).elements() / c;
  Plan* plan = &lowering.plan();
  const BufferId y = lowering.out_plain(node.outputs[0]).buffer;
  plan->add_loop("log_softmax", {x.buffer, y},
                 [=, x = x.buffer] { log_softmax(rows, c, plan->data<float>(x), plan->data<float>(y)); });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const SoftmaxGrad& op) {
  const std::int64_t c = lowering.shape(node.inputs[0])[-1], rows = lowering.shape(node.inputs[0]).elements() / c;
  const BufferId dy = lowering.plain(node.inputs[0]).buffer, y = lowering.plain(node.inputs[1]).buffer;
  const BufferId dx = lowering.out_plain(node.outputs[0]).buffer;
  Plan* plan = &lowering.plan();
  plan->add_loop("softmax_grad", {dy, y, dx}, [=, log = op.log] {
    softmax_grad(log, rows, c, plan->data<float>(dy), plan->data<float>(y), plan->data<float>(dx));
  });
  return {};
}

}  // namespace tutti::onednn
