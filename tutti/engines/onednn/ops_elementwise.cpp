#include <cmath>

#include "tutti/engines/onednn/loops.h"
#include "tutti/engines/onednn/ops.h"

namespace tutti::onednn {

using namespace op;
using dnnl::algorithm;
using dnnl::prop_kind;

namespace {

struct Eltwise {
  algorithm kind;
  float alpha = 0, beta = 0;
};

// The kinds that have no loop of ours.
Eltwise eltwise_of(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kGelu:
      return {algorithm::eltwise_gelu_erf};
    case ActivationKind::kGeluTanh:
      return {algorithm::eltwise_gelu_tanh};
    case ActivationKind::kSilu:
      return {algorithm::eltwise_swish, 1.0f};
    case ActivationKind::kSigmoid:
      return {algorithm::eltwise_logistic};
    case ActivationKind::kTanh:
      return {algorithm::eltwise_tanh};
    case ActivationKind::kMish:
      return {algorithm::eltwise_mish};
#if DNNL_VERSION_MAJOR >= 3
    // log(1 + e^(alpha x)) / alpha
    case ActivationKind::kSoftplus:
      return {algorithm::eltwise_soft_relu, 1.0f};
    case ActivationKind::kLogSigmoid:
      return {algorithm::eltwise_soft_relu, -1.0f};
#else
    case ActivationKind::kSoftplus:
      return {algorithm::eltwise_soft_relu};
    case ActivationKind::kLogSigmoid:
      return {algorithm::eltwise_logsigmoid};
#endif
    default:
      return {algorithm::eltwise_exp};
  }
}

dnnl::eltwise_forward::primitive_desc describe_eltwise(const Eltwise& e, const Desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return describe<dnnl::eltwise_forward>(scratchpad_attributes(), prop_kind::forward_training, e.kind, desc, desc, e.alpha,
                                         e.beta);
#else
  return describe<dnnl::eltwise_forward>(scratchpad_attributes(), prop_kind::forward_training, e.kind, desc, e.alpha, e.beta);
#endif
}

void add_eltwise(Lowering& lowering, const Node& node, const Eltwise& e) {
  const Operand x = lowering.native(node.inputs[0]);
  const auto descriptor = describe_eltwise(e, x.desc);
  const Operand y = lowering.out_in_place(node.outputs[0], node.inputs[0], x);
  lowering.plan().add_primitive(descriptor, dnnl::eltwise_forward(descriptor), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
}

// x as our loops may run over it from the first element to the last.
Operand flat(Lowering& lowering, ValueId x) { return lowering.shape(x).rank() == 4 ? lowering.loopable(x) : lowering.plain(x); }

// One input, one output of the same layout: loop(count, x, y).
template <class Loop>
Refusal add_map(Lowering& lowering, const Node& node, const char* name, Loop loop) {
  const std::int64_t count = lowering.shape(node.inputs[0]).elements();
  const Operand in = flat(lowering, node.inputs[0]);
  const BufferId x = in.buffer, y = lowering.out_in_place(node.outputs[0], node.inputs[0], in).buffer;
  Plan* plan = &lowering.plan();
  plan->add_loop(name, {x, y}, [=] { loop(count, plan->data<float>(x), plan->data<float>(y)); });
  return {};
}

// Two inputs and an output of the same shape: loop(count, a, b, y).
template <class Loop>
Refusal add_zip(Lowering& lowering, const Node& node, const char* name, Loop loop) {
  const std::int64_t count = lowering.shape(node.inputs[0]).elements();
  const bool image = lowering.shape(node.inputs[0]).rank() == 4;
  const Operand in = image ? lowering.loopable_as(node.inputs[1], node.inputs[0]) : lowering.plain(node.inputs[0]);
  const BufferId a = in.buffer, b = lowering.in_layout_of(in, node.inputs[0], node.inputs[1]).buffer;
  const BufferId y = lowering.out_in_place(node.outputs[0], node.inputs[0], in).buffer;
  Plan* plan = &lowering.plan();
  plan->add_loop(name, {a, b, y}, [=] { loop(count, plan->data<float>(a), plan->data<float>(b), plan->data<float>(y)); });
  return {};
}

// A Loop that needs more than floats.
Refusal needs_float32(const Lowering& lowering, const Node& node) {
  return lowering.type(node.inputs[0]).dtype == DType::kFloat32 ? "" : "element-wise arithmetic needs float32";
}

algorithm algorithm_of(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::kAdd:
      return algorithm::binary_add;
    case BinaryKind::kSub:
      return algorithm::binary_sub;
    case BinaryKind::kMul:
      return algorithm::binary_mul;
    case BinaryKind::kDiv:
      return algorithm::binary_div;
    case BinaryKind::kMax:
      return algorithm::binary_max;
    case BinaryKind::kMin:
      return algorithm::binary_min;
  }
  return algorithm::undef;
}

// Row-major memory of `shape` with ones in front up to `rank` axes.
Desc widened(const Shape& shape, int rank) {
  Dims dims(static_cast<std::size_t>(std::max(1, rank)), 1);
  std::copy(shape.begin(), shape.end(), dims.end() - shape.rank());
  return row_major_desc(dims);
}

// One input spread over the other by oneDNN, all in row-major memory.
Refusal add_broadcast(Lowering& lowering, const Node& node, BinaryKind kind) {
  const Shape& shape = lowering.shape(node.outputs[0]);
  ValueId a = node.inputs[0], b = node.inputs[1];
  const bool symmetric = kind == BinaryKind::kAdd || kind == BinaryKind::kMul;
  if (lowering.shape(a) != shape && symmetric) std::swap(a, b);
  if (lowering.shape(a) != shape) return "oneDNN spreads only the second input of a binary op";
  if (kind == BinaryKind::kMax || kind == BinaryKind::kMin) return "oneDNN's max and min lose NaN";
  const Operand left{lowering.plain(a).buffer, widened(shape, shape.rank())};
  const Operand right{lowering.plain(b).buffer, widened(lowering.shape(b), shape.rank())};
  const auto descriptor = describe<dnnl::binary>(scratchpad_attributes(), algorithm_of(kind), left.desc, right.desc, left.desc);
  const Operand y{lowering.out_plain(node.outputs[0]).buffer, left.desc};
  lowering.plan().add_primitive(descriptor, dnnl::binary(descriptor),
                                {{DNNL_ARG_SRC_0, left}, {DNNL_ARG_SRC_1, right}, {DNNL_ARG_DST, y}});
  return {};
}

}  // namespace

Refusal lower_op(Lowering& lowering, const Node& node, const Activation& op) {
  if (!has_loop(op.kind)) {
    add_eltwise(lowering, node, eltwise_of(op.kind));
    return {};
  }
  return add_map(lowering, node, "activation", [op](std::int64_t n, const float* x, float* y) { activate(op, n, x, y); });
}

Refusal lower_op(Lowering& lowering, const Node& node, const ActivationGrad& op) {
  if (has_gradient_loop(op.kind))
    return add_zip(lowering, node, "activation_grad", [op](std::int64_t n, const float* dy, const float* saved, float* dx) {
      activation_grad(op, n, dy, saved, dx);
    });
  const Eltwise e = eltwise_of(op.kind);
  const Operand x = lowering.native(node.inputs[1]);
  const Operand dy = lowering.in(node.inputs[0], x.desc);
  const auto forward = describe_eltwise(e, x.desc);
#if DNNL_VERSION_MAJOR >= 3
  const auto descriptor = describe_backward<dnnl::eltwise_backward>(scratchpad_attributes(), forward, e.kind, x.desc, x.desc,
                                                                    x.desc, e.alpha, e.beta);
#else
  const auto descriptor =
      describe_backward<dnnl::eltwise_backward>(scratchpad_attributes(), forward, e.kind, x.desc, x.desc, e.alpha, e.beta);
#endif
  const Operand dx = lowering.out_in_place(node.outputs[0], node.inputs[0], dy);
  lowering.plan().add_primitive(descriptor, dnnl::eltwise_backward(descriptor),
                                {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_SRC, dx}});
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const Unary& op) {
  if (Refusal refusal = needs_float32(lowering, node); !refusal.empty()) return refusal;
  if (op.kind == UnaryKind::kExp) {
    add_eltwise(lowering, node, {algorithm::eltwise_exp});
    return {};
  }
  return add_map(lowering, node, "unary", [kind = op.kind](std::int64_t n, const float* x, float* y) { unary(kind, n, x, y); });
}

Refusal lower_op(Lowering& lowering, const Node& node, const Binary& op) {
  if (Refusal refusal = needs_float32(lowering, node); !refusal.empty()) return refusal;
  if (lowering.shape(node.inputs[0]) != lowering.shape(node.inputs[1])) return add_broadcast(lowering, node, op.kind);
  return add_zip(lowering, node, "binary",
                 [kind = op.kind](std::int64_t n, const float* a, const float* b, float* y) { binary(kind, n, a, b, y); });
}

Refusal lower_op(Lowering& lowering, const Node& node, const Affine& op) {
  if (Refusal refusal = needs_float32(lowering, node); !refusal.empty()) return refusal;
  const float scale = static_cast<float>(op.scale), offset = static_cast<float>(op.offset);
  return add_map(lowering, node, "affine", [=](std::int64_t n, const float* x, float* y) { affine(scale, offset, n, x, y); });
}

Refusal lower_op(Lowering& lowering, const Node& node, const Axpby& op) {
  if (Refusal refusal = needs_float32(lowering, node); !refusal.empty()) return refusal;
  const float alpha = static_cast<float>(op.alpha), beta = static_cast<float>(op.beta);
  return add_zip(lowering, node, "axpby",
                 [=](std::int64_t n, const float* a, const float* b, float* y) { axpby(alpha, beta, n, a, b, y); });
}

Refusal lower_op(Lowering& lowering, const Node& node, const Clip& op) {
  if (Refusal refusal = needs_float32(lowering, node); !refusal.empty()) return refusal;
  const float low = static_cast<float>(op.low), high = static_cast<float>(op.high);
  return add_map(lowering, node, "clip", [=](std::int64_t n, const float* x, float* y) { clip(low, high, n, x, y); });
}

Refusal lower_op(Lowering& lowering, const Node& node, const ClipByNorm& op) {
  const std::int64_t count = lowering.shape(node.inputs[0]).elements();
  const Operand in = flat(lowering, node.inputs[0]);
  const BufferId x = in.buffer, squared_norm = lowering.plain(node.inputs[1]).buffer;
  const BufferId y = lowering.out_in_place(node.outputs[0], node.inputs[0], in).buffer;
  Plan* plan = &lowering.plan();
  plan->add_loop("clip_by_norm", {x, squared_norm, y}, [=, max_norm = op.max_norm] {
    const double norm = std::sqrt(static_cast<double>(*plan->data<float>(squared_norm)));
    const double scale = norm == 0 ? 1.0 : std::min(max_norm / norm, 1.0);
    affine(static_cast<float>(scale), 0, count, plan->data<float>(x), plan->data<float>(y));
  });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const Cast& op) {
  if (lowering.type(node.inputs[0]).dtype != DType::kUInt8 || op.dtype != DType::kFloat32)
    return "only uint8 to float32 has a kernel";
  const std::int64_t count = lowering.shape(node.inputs[0]).elements();
  const Operand in = flat(lowering, node.inputs[0]);
  const TensorType& type = lowering.type(node.outputs[0]);
  const auto layout = image_layout(in.desc, lowering.type(node.inputs[0]));
  const BufferId x = in.buffer, y = lowering.out(node.outputs[0], layout ? desc_of(*layout, type) : plain_desc(type)).buffer;
  Plan* plan = &lowering.plan();
  plan->add_loop("cast", {x, y}, [=] { pixels_to_float(count, plan->data<std::uint8_t>(x), plan->data<float>(y)); });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const Fill& op) {
  if (op.type.dtype != DType::kFloat32) return "only float32 has a kernel";
  const std::int64_t count = op.type.shape.elements();
  const BufferId y = lowering.out_plain(node.outputs[0]).buffer;
  Plan* plan = &lowering.plan();
  plan->add_loop("fill", {y}, [=, value = static_cast<float>(op.value)] { std::fill_n(plan->data<float>(y), count, value); });
  return {};
}

}  // namespace tutti::onednn
