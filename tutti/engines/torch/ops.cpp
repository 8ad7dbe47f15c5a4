// Dispatch; matrix product, element by element, reductions, moving elements about.
#include "tutti/engines/torch/ops.h"

#include <algorithm>
#include <numbers>
#include <type_traits>

#include <ATen/ATen.h>

namespace tutti {

at::Tensor Arguments::writable(std::size_t i) const { return overwritable_[i] ? tensors_[i] : tensors_[i].clone(); }

at::ScalarType scalar_type_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return at::kFloat;
    case DType::kFloat64: return at::kDouble;
    case DType::kInt32: return at::kInt;
    case DType::kInt64: return at::kLong;
    case DType::kUInt8: return at::kByte;
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
  return !at::hasMKL() && at::hasMKLDNN() && a.device().is_cpu() && a.scalar_type() == at::kFloat && a.numel() > 0 && b.numel() > 0;
}

// The same product by oneDNN's linear layer y = x weight^T and its two gradients, each of which is another transposition.
at::Tensor onednn_matmul(const at::Tensor& a, const at::Tensor& b, bool transpose_a, bool transpose_b) {
  if (transpose_a && transpose_b) return onednn_matmul(b, a, false, false).t();
  const at::Tensor left = a.contiguous().to_mkldnn();
  const at::Tensor right = b.contiguous();
  if (transpose_a) {
    const auto [dweight, dbias] = at::mkldnn_linear_backward_weights(left, right.to_mkldnn(), at::empty({a.size(1), b.size(1)}, b.options()),
                                                                     /*bias_defined=*/false);
    return dweight.is_mkldnn() ? dweight.to_dense() : dweight;
  }
  if (transpose_b) return at::mkldnn_linear(left, right).to_dense();
  return at::mkldnn_linear_backward_input({a.size(0), b.size(1)}, left, right).to_dense();
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
at::Tensor softplus(const at::Tensor& x) { return at::softplus(x, 1.0, kSoftplusThreshold); }

// dy where low < x < high, else 0.
at::Tensor where_between(const at::Tensor& dy, const at::Tensor& x, double low, double high) {
  return dy * x.gt(low).logical_and_(x.lt(high));
}

// d gelu_tanh(x) / dx and d mish(x) / dx by composition: ATen's own differ in sign of zero only, but are not in every version.
at::Tensor mish_slope(const at::Tensor& x) {
  const at::Tensor t = at::tanh(softplus(x));
  return t + x * at::sigmoid(x) * (1.0 - t * t);
}

// 0.5 * silu'-like slope of x * hard_sigmoid(x): hard_sigmoid(x) + x / 6 inside (-3, 3).
at::Tensor hard_silu_slope(const at::Tensor& x) {
  return hard_sigmoid(x, 1.0 / 6.0).add_(at::where(x.abs().lt(3.0), x / 6.0, at::zeros_like(x)));
}

}  // namespace

at::Tensor evaluate(const Activation& op, const Arguments& in) {
  at::Tensor x = in[0];
  switch (op.kind) {
    case ActivationKind::kRelu: return in.overwritable(0) ? at::relu_(x) : at::relu(x);
    case ActivationKind::kRelu6: return at::clamp(x, 0.0, 6.0);
    case ActivationKind::kLeakyRelu: return at::leaky_relu(x, op.alpha);
    case ActivationKind::kElu: return at::elu(x, op.alpha);
    case ActivationKind::kSelu: return at::elu(x, kSeluAlpha, kSeluScale);
    case ActivationKind::kGelu: return at::gelu(x, "none");
    case ActivationKind::kGeluTanh: return at::gelu(x, "tanh");
    case ActivationKind::kSilu: return at::silu(x);
    case ActivationKind::kSigmoid: return at::sigmoid(x);
    case ActivationKind::kTanh: return at::tanh(x);
    case ActivationKind::kSoftplus: return softplus(x);
    case ActivationKind::kSoftsign: return x / (x.abs() + 1.0);
    case ActivationKind::kExponential: return at::exp(x);
    case ActivationKind::kHardSigmoid: return hard_sigmoid(x, 1.0 / 6.0);
    case ActivationKind::kHardSigmoid2: return hard_sigmoid(x, 0.2);
    case ActivationKind::kHardSilu: return hard_sigmoid(x, 1.0 / 6.0).mul_(x);
    case ActivationKind::kHardTanh: return at::clamp(x, -1.0, 1.0);
    case ActivationKind::kMish: return x * at::tanh(softplus(x));
    case ActivationKind::kLogSigmoid: return softplus(-x).neg_();
    case ActivationKind::kCelu: return at::elu(x, op.alpha, 1.0, 1.0 / op.alpha);
  }
  return x;
}
