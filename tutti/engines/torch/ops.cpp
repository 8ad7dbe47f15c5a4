// Dispatch; matrix product, element by element, reductions, moving elements about.
#include "tutti/engines/torch/ops.h"

#include <limits>
#include <numeric>
#include <type_traits>

#include <ATen/ATen.h>

namespace tutti {

at::Tensor Arguments::writable(std::size_t i) const { return overwritable_[i] ? tensors_[i] : tensors_[i].clone(); }

at::ScalarType scalar_type_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return at::kFloat;
    case DType::kFloat64:
      return at::kDouble;
    case DType::kInt32:
      return at::kInt;
    case DType::kInt64:
      return at::kLong;
    case DType::kUInt8:
      return at::kByte;
  }
  return at::kFloat;
}

AtTensors evaluate_op(const Op& op, const Arguments& in) {
  return std::visit(
      [&in](const auto& one) -> AtTensors {
        if constexpr (std::is_same_v<decltype(evaluate(one, in)), at::Tensor>)
          return {evaluate(one, in)};
        else
          return evaluate(one, in);
      },
      op);
}

// --- Matrix product. ----------------------------------------------------------------------------------------------

namespace {

// A distribution's LibTorch may sit on the plain Fortran BLAS, up to 50 times slower than the oneDNN inside LibTorch.
bool prefers_onednn(const at::Tensor& a, const at::Tensor& b) {
  return !at::hasMKL() && at::hasMKLDNN() && a.device().is_cpu() && a.scalar_type() == at::kFloat && a.numel() > 0 &&
         b.numel() > 0;
}

// The same product by oneDNN's linear layer, y = x weight^T, and its gradient, dx = dy weight.
at::Tensor onednn_matmul(const at::Tensor& a, const at::Tensor& b, bool transpose_a, bool transpose_b) {
  const at::Tensor left = (transpose_a ? a.t() : a).contiguous();
  const at::Tensor right = b.contiguous();
  if (transpose_b) return at::mkldnn_linear(left.to_mkldnn(), right).to_dense();
  return at::mkldnn_linear_backward_input({left.size(0), right.size(1)}, left.to_mkldnn(), right).to_dense();
}

}  // namespace

at::Tensor evaluate(const MatMul& op, const Arguments& in) {
  const at::Tensor &a = in[0], &b = in[1];
  if (prefers_onednn(a, b)) {
    at::Tensor y = onednn_matmul(a, b, op.transpose_a, op.transpose_b);
    return in.size() > 2 ? y.add_(in[2]) : y;
  }
  const at::Tensor left = op.transpose_a ? a.t() : a;
  const at::Tensor right = op.transpose_b ? b.t() : b;
  return in.size() > 2 ? at::addmm(in[2], left, right) : at::mm(left, right);
}

// --- Element by element. ------------------------------------------------------------------------------------------

namespace {

constexpr double kSeluScale = 1.0507009873554805;
constexpr double kSeluAlpha = 1.6732632423543772;
// Beyond this e^-x is below half a unit in the last place of x even in float64.
constexpr double kSoftplusThreshold = 40.0;

at::Tensor hard_sigmoid(const at::Tensor& x, double slope) { return at::mul(x, slope).add_(0.5).clamp_(0.0, 1.0); }
at::Tensor exact_softplus(const at::Tensor& x) { return at::softplus(x, 1.0, kSoftplusThreshold); }

// dy where low < x < high, else 0.
at::Tensor where_between(const at::Tensor& dy, const at::Tensor& x, double low, double high) {
  return dy * x.gt(low).logical_and_(x.lt(high));
}

at::Tensor mish_grad(const at::Tensor& dy, const at::Tensor& x) {
  const at::Tensor t = at::tanh(exact_softplus(x));
  return (1.0 - t * t).mul_(at::sigmoid(x)).mul_(x).add_(t).mul_(dy);
}

// The slope of x * hard_sigmoid(x): 0 up to -3, 1 from 3 on, x / 3 + 0.5 between.
at::Tensor hard_silu_grad(const at::Tensor& dy, const at::Tensor& x) {
  const at::Tensor slope = at::mul(x, 1.0 / 3.0).add_(0.5).masked_fill_(x.le(-3.0), 0.0).masked_fill_(x.ge(3.0), 1.0);
  return dy * slope;
}

}  // namespace

at::Tensor evaluate(const Activation& op, const Arguments& in) {
  at::Tensor x = in[0];
  switch (op.kind) {
    case ActivationKind::kRelu:
      return in.overwritable(0) ? at::relu_(x) : at::relu(x);
    case ActivationKind::kRelu6:
      return at::clamp(x, 0.0, 6.0);
    case ActivationKind::kLeakyRelu:
      return at::leaky_relu(x, op.alpha);
    case ActivationKind::kElu:
      return at::elu(x, op.alpha);
    case ActivationKind::kSelu:
      return at::elu(x, kSeluAlpha, kSeluScale);
    case ActivationKind::kGelu:
      return at::gelu(x, "none");
    case ActivationKind::kGeluTanh:
      return at::gelu(x, "tanh");
    case ActivationKind::kSilu:
      return at::silu(x);
    case ActivationKind::kSigmoid:
      return at::sigmoid(x);
    case ActivationKind::kTanh:
      return at::tanh(x);
    case ActivationKind::kSoftplus:
      return exact_softplus(x);
    case ActivationKind::kSoftsign:
      return x / (x.abs() + 1.0);
    case ActivationKind::kExponential:
      return at::exp(x);
    case ActivationKind::kHardSigmoid:
      return hard_sigmoid(x, 1.0 / 6.0);
    case ActivationKind::kHardSigmoid2:
      return hard_sigmoid(x, 0.2);
    case ActivationKind::kHardSilu:
      return hard_sigmoid(x, 1.0 / 6.0).mul_(x);
    case ActivationKind::kHardTanh:
      return at::clamp(x, -1.0, 1.0);
    case ActivationKind::kMish:
      return x * at::tanh(exact_softplus(x));
    case ActivationKind::kLogSigmoid:
      return exact_softplus(-x).neg_();
    case ActivationKind::kCelu:
      return at::elu(x, op.alpha, 1.0, 1.0 / op.alpha);
  }
  return x;
}

at::Tensor evaluate(const ActivationGrad& op, const Arguments& in) {
  at::Tensor dy = in[0];
  const at::Tensor& saved = in[1];  // y if gradient_uses_output(op.kind), else x
  switch (op.kind) {
    case ActivationKind::kRelu:
      return in.overwritable(0) ? at::threshold_backward_out(dy, dy, saved, 0.0) : at::threshold_backward(dy, saved, 0.0);
    case ActivationKind::kRelu6:
      return where_between(dy, saved, 0.0, 6.0);
    case ActivationKind::kLeakyRelu:
      return at::leaky_relu_backward(dy, saved, op.alpha, /*self_is_result=*/false);
    case ActivationKind::kElu:
      return at::elu_backward(dy, op.alpha, 1.0, 1.0, /*is_result=*/true, saved);
    case ActivationKind::kSelu:
      return at::elu_backward(dy, kSeluAlpha, kSeluScale, 1.0, /*is_result=*/true, saved);
    case ActivationKind::kGelu:
      return at::gelu_backward(dy, saved, "none");
    case ActivationKind::kGeluTanh:
      return at::gelu_backward(dy, saved, "tanh");
    case ActivationKind::kSilu:
      return at::silu_backward(dy, saved);
    case ActivationKind::kSigmoid:
      return at::sigmoid_backward(dy, saved);
    case ActivationKind::kTanh:
      return at::tanh_backward(dy, saved);
    case ActivationKind::kSoftplus:
      return dy * at::sigmoid(saved);
    case ActivationKind::kSoftsign:
      return dy / saved.abs().add_(1.0).square_();
    case ActivationKind::kExponential:
      return dy * saved;
    case ActivationKind::kHardSigmoid:
      return where_between(dy, saved, -3.0, 3.0).div_(6.0);
    case ActivationKind::kHardSigmoid2:
      return where_between(dy, saved, -2.5, 2.5).mul_(0.2);
    case ActivationKind::kHardSilu:
      return hard_silu_grad(dy, saved);
    case ActivationKind::kHardTanh:
      return where_between(dy, saved, -1.0, 1.0);
    case ActivationKind::kMish:
      return mish_grad(dy, saved);
    case ActivationKind::kLogSigmoid:
      return dy * at::sigmoid(-saved);
    case ActivationKind::kCelu:
      return at::elu_backward(dy, op.alpha, 1.0, 1.0 / op.alpha, /*is_result=*/false, saved);
  }
  return dy;
}

at::Tensor evaluate(const Unary& op, const Arguments& in) {
  const at::Tensor& x = in[0];
  switch (op.kind) {
    case UnaryKind::kNeg:
      return at::neg(x);
    case UnaryKind::kAbs:
      return at::abs(x);
    case UnaryKind::kSign:
      return at::sign(x);
    case UnaryKind::kSquare:
      return at::square(x);
    case UnaryKind::kSqrt:
      return at::sqrt(x);
    case UnaryKind::kExp:
      return at::exp(x);
    case UnaryKind::kLog:
      return at::log(x);
    case UnaryKind::kReciprocal:
      return at::reciprocal(x);
  }
  return x;
}

at::Tensor evaluate(const Binary& op, const Arguments& in) {
  const at::Tensor &a = in[0], &b = in[1];
  switch (op.kind) {
    case BinaryKind::kAdd:
      return at::add(a, b);
    case BinaryKind::kSub:
      return at::sub(a, b);
    case BinaryKind::kMul:
      return at::mul(a, b);
    case BinaryKind::kDiv:
      return at::div(a, b);
    case BinaryKind::kMax:
      return at::maximum(a, b);
    case BinaryKind::kMin:
      return at::minimum(a, b);
  }
  return a;
}

at::Tensor evaluate(const Affine& op, const Arguments& in) {
  if (op.offset == 0.0) return in.overwritable(0) ? in.writable(0).mul_(op.scale) : at::mul(in[0], op.scale);
  return at::add(at::scalar_tensor(op.offset, in[0].options()), in[0], op.scale);
}

at::Tensor evaluate(const Axpby& op, const Arguments& in) { return in.writable(0).mul_(op.alpha).add_(in[1], op.beta); }

at::Tensor evaluate(const Clip& op, const Arguments& in) { return at::clamp(in[0], op.low, op.high); }

at::Tensor evaluate(const ClipByNorm& op, const Arguments& in) {
  // A norm of 0 gives infinity, hence 1.
  return at::mul(in[0], at::div(op.max_norm * at::ones_like(in[1]), at::sqrt(in[1])).clamp_max_(1.0));
}

namespace {

// Truncates towards zero; what Integer cannot hold becomes its nearest value, NaN becomes 0.
template <class Integer>
at::Tensor to_integer(const at::Tensor& x, at::ScalarType type) {
  using Limits = std::numeric_limits<Integer>;
  if (!x.is_floating_point()) {
    const bool widens = x.element_size() < static_cast<std::int64_t>(sizeof(Integer)) || x.scalar_type() == type;
    return widens ? x.to(type) : at::clamp(x, std::int64_t{Limits::min()}, std::int64_t{Limits::max()}).to(type);
  }
  const auto low = static_cast<double>(Limits::min()), high = static_cast<double>(Limits::max());
  return at::nan_to_num(x, 0.0)
      .to(type)
      .masked_fill_(x.ge(high), std::int64_t{Limits::max()})
      .masked_fill_(x.le(low), std::int64_t{Limits::min()});
}

}  // namespace

at::Tensor evaluate(const Cast& op, const Arguments& in) {
  const at::ScalarType type = scalar_type_of(op.dtype);
  switch (op.dtype) {
    case DType::kInt32:
      return to_integer<std::int32_t>(in[0], type);
    case DType::kInt64:
      return to_integer<std::int64_t>(in[0], type);
    case DType::kUInt8:
      return to_integer<std::uint8_t>(in[0], type);
    default:
      return in[0].to(type);
  }
}

at::Tensor evaluate(const Fill& op, const Arguments& in) {
  const at::Device device = op.type.shape.rank() == 0 ? at::Device(at::kCPU) : in.device();
  return at::full(op.type.shape.extents(), op.value, at::TensorOptions(scalar_type_of(op.type.dtype)).device(device));
}

// --- Reductions. --------------------------------------------------------------------------------------------------

at::Tensor evaluate(const Reduce& op, const Arguments& in) {
  const at::Tensor& x = in[0];
  std::vector<std::int64_t> axes(op.axes.begin(), op.axes.end());
  if (axes.empty()) {
    axes.resize(static_cast<std::size_t>(x.dim()));
    std::iota(axes.begin(), axes.end(), 0);
  }
  switch (op.kind) {
    case ReduceKind::kSum:
      return at::sum(x, axes, op.keep_dims);
    case ReduceKind::kMean:
      return at::mean(x, axes, op.keep_dims);
    case ReduceKind::kSumSquares:
      return at::sum(at::square(x), axes, op.keep_dims);
    case ReduceKind::kSumAbs:
      return at::sum(at::abs(x), axes, op.keep_dims);
  }
  return x;
}

// --- Moving elements about. ---------------------------------------------------------------------------------------

at::Tensor evaluate(const Pad& op, const Arguments& in) {
  std::vector<std::int64_t> amounts;  // ATen wants the last axis first
  for (std::size_t axis = op.before.size(); axis-- > 0;) amounts.insert(amounts.end(), {op.before[axis], op.after[axis]});
  return at::constant_pad_nd(in[0], amounts, 0);
}

at::Tensor evaluate(const Slice& op, const Arguments& in) {
  at::Tensor y = in[0];
  for (std::size_t axis = 0; axis < op.begin.size(); ++axis)
    y = y.narrow(static_cast<std::int64_t>(axis), op.begin[axis], op.sizes[axis]);
  return y;
}

at::Tensor evaluate(const Concat& op, const Arguments& in) {
  AtTensors parts;
  for (std::size_t i = 0; i < in.size(); ++i) parts.push_back(in[i]);
  return at::cat(parts, op.axis);
}

at::Tensor evaluate(const Reshape& op, const Arguments& in) { return in[0].reshape(op.shape.extents()); }

at::Tensor evaluate(const Transpose& op, const Arguments& in) {
  return in[0].permute(std::vector<std::int64_t>(op.permutation.begin(), op.permutation.end()));
}

}  // namespace tutti
