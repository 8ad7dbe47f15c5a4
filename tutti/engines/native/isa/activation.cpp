#include "tutti/engines/native/isa/activation.h"

#include "tutti/engines/native/isa/targets.h"

#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tutti/engines/native/isa/activation.cpp"
#include <hwy/foreach_target.h>  // first: it includes this file once for each target

#include <hwy/highway.h>

#include "tutti/engines/native/isa/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tutti::native::HWY_NAMESPACE {

using enum op::ActivationKind;

constexpr float kSeluScale = 1.0507009873554805f, kSeluAlpha = 1.6732632423543772f;
// Hendrycks, Gimpel, "Gaussian error linear units" (2016): gelu(x) ~ x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
constexpr float kGeluCubic = 0.044715f, kSqrtTwoOverPi = 0.7978845608f;

HWY_INLINE V clip(V x, float low, float high) {
  // Min and Max of a NaN differ between targets: it passes through by selection.
  const V low_bound = constant(low), high_bound = constant(high);
  return hn::IfThenElse(hn::Lt(x, low_bound), low_bound, hn::IfThenElse(hn::Gt(x, high_bound), high_bound, x));
}

// 1 / (1 + e^-x) without overflow: e = e^-|x| is at most 1.
HWY_INLINE V sigmoid(V x) {
  const V e = exp(hn::Neg(hn::Abs(x))), r = hn::Div(constant(1), hn::Add(constant(1), e));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(D())), hn::Mul(e, r), r);
}
HWY_INLINE V softplus(V x) { return hn::Add(hn::Max(x, hn::Zero(D())), log1p_unit(exp(hn::Neg(hn::Abs(x))))); }
// tanh by expm1 of -2|x|, accurate near 0 and safe for large |x|.
HWY_INLINE V tanh(V x) {
  const V e = expm1_negative(hn::Mul(constant(-2), hn::Abs(x)));
  return hn::CopySign(hn::Div(hn::Neg(e), hn::Add(e, constant(2))), x);
}

// The normal distribution function, Phi(x) = erfc(-x / sqrt 2) / 2. The complementary error function by Chebyshev fitting with
// relative error below 1.2e-7 everywhere: Press et al., Numerical Recipes in C, 2nd ed., section 6.2, erfcc.
HWY_INLINE V normal_cdf(V x) {
  const V z = hn::Mul(hn::Abs(x), constant(0.70710678118654752f));
  const V t = hn::Div(constant(1), hn::MulAdd(z, constant(0.5f), constant(1)));
  V p = constant(0.17087277f);
  for (const float c : {-0.82215223f, 1.48851587f, -1.13520398f, 0.27886807f, -0.18628806f, 0.09678418f, 0.37409196f,
                        1.00002368f, -1.26551223f})
    p = hn::MulAdd(p, t, constant(c));
  const V tail = hn::Mul(hn::Mul(constant(0.5f), t), exp(hn::NegMulAdd(z, z, p)));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(D())), tail, hn::Sub(constant(1), tail));
}

// 2 sqrt(2 / pi) (x + 0.044715 x^3): (1 + tanh(u)) / 2 is sigmoid(2 u), which does not cancel for negative x.
HWY_INLINE V gelu_tanh_argument(V x) {
  const V cubic = hn::MulAdd(hn::Mul(constant(kGeluCubic), hn::Mul(x, x)), x, x);
  return hn::Mul(constant(2 * kSqrtTwoOverPi), cubic);
}

template <op::ActivationKind Kind>
HWY_INLINE V activate(V x, [[maybe_unused]] V alpha) {
  const V zero = hn::Zero(D()), one = constant(1);
  if constexpr (Kind == kRelu) return hn::IfThenElse(hn::Lt(x, zero), zero, x);
  if constexpr (Kind == kRelu6) return clip(x, 0, 6);
  if constexpr (Kind == kLeakyRelu) return hn::IfThenElse(hn::Lt(x, zero), hn::Mul(alpha, x), x);
  if constexpr (Kind == kElu) return hn::IfThenElse(hn::Gt(x, zero), x, hn::Mul(alpha, expm1_negative(x)));
  if constexpr (Kind == kSelu)
    return hn::Mul(constant(kSeluScale), hn::IfThenElse(hn::Gt(x, zero), x, hn::Mul(constant(kSeluAlpha), expm1_negative(x))));
  if constexpr (Kind == kGelu) return hn::Mul(x, normal_cdf(x));
  if constexpr (Kind == kGeluTanh) return hn::Mul(x, sigmoid(gelu_tanh_argument(x)));
  if constexpr (Kind == kSilu) return hn::Mul(x, sigmoid(x));
  if constexpr (Kind == kSigmoid) return sigmoid(x);
  if constexpr (Kind == kTanh) return tanh(x);
  if constexpr (Kind == kSoftplus) return softplus(x);
  if constexpr (Kind == kSoftsign) return hn::Div(x, hn::Add(one, hn::Abs(x)));
  if constexpr (Kind == kExponential) return exp(x);
  if constexpr (Kind == kHardSigmoid) return clip(hn::MulAdd(x, constant(1.0f / 6), constant(0.5f)), 0, 1);
  if constexpr (Kind == kHardSigmoid2) return clip(hn::MulAdd(x, constant(0.2f), constant(0.5f)), 0, 1);
  if constexpr (Kind == kHardSilu) return hn::Mul(x, clip(hn::MulAdd(x, constant(1.0f / 6), constant(0.5f)), 0, 1));
  if constexpr (Kind == kHardTanh) return clip(x, -1, 1);
  if constexpr (Kind == kMish) return hn::Mul(x, tanh(softplus(x)));
  if constexpr (Kind == kLogSigmoid) return hn::Neg(softplus(hn::Neg(x)));
  if constexpr (Kind == kCelu) return hn::IfThenElse(hn::Gt(x, zero), x, hn::Mul(alpha, expm1_negative(hn::Div(x, alpha))));
}

// 1 where the mask is true, else 0.
template <class Mask>
HWY_INLINE V indicator(Mask mask) {
  return hn::IfThenElseZero(mask, constant(1));
}

// dy/dx, in the output for the kinds of which gradient_uses_output() is true, else in the input; at the corners as the
// reference engine has it.
template <op::ActivationKind Kind>
HWY_INLINE V slope(V s, [[maybe_unused]] V alpha) {
  const V zero = hn::Zero(D()), one = constant(1);
  if constexpr (Kind == kRelu) return indicator(hn::Gt(s, zero));
  if constexpr (Kind == kRelu6) return indicator(hn::And(hn::Gt(s, zero), hn::Lt(s, constant(6))));
  if constexpr (Kind == kLeakyRelu) return hn::IfThenElse(hn::Gt(s, zero), one, alpha);
  if constexpr (Kind == kElu) return hn::IfThenElse(hn::Gt(s, zero), one, hn::Add(s, alpha));
  if constexpr (Kind == kSelu)
    return hn::IfThenElse(hn::Gt(s, zero), constant(kSeluScale), hn::Add(s, constant(kSeluScale * kSeluAlpha)));
  if constexpr (Kind == kGelu) {
    const V density = hn::Mul(constant(0.3989422804f), exp(hn::Mul(constant(-0.5f), hn::Mul(s, s))));
    return hn::MulAdd(s, density, normal_cdf(s));
  }
  if constexpr (Kind == kGeluTanh) {
    const V argument = gelu_tanh_argument(s), f = sigmoid(argument), rest = sigmoid(hn::Neg(argument));
    const V inner = hn::Mul(constant(2 * kSqrtTwoOverPi), hn::MulAdd(constant(3 * kGeluCubic), hn::Mul(s, s), one));
    return hn::MulAdd(hn::Mul(hn::Mul(s, f), rest), inner, f);
  }
  if constexpr (Kind == kSilu) {
    const V f = sigmoid(s);
    return hn::MulAdd(hn::Mul(s, f), hn::Sub(one, f), f);
  }
  if constexpr (Kind == kSigmoid) return hn::Mul(s, hn::Sub(one, s));
  if constexpr (Kind == kTanh) return hn::NegMulAdd(s, s, one);
  if constexpr (Kind == kSoftplus) return sigmoid(s);
  if constexpr (Kind == kSoftsign) {
    const V r = hn::Div(one, hn::Add(one, hn::Abs(s)));
    return hn::Mul(r, r);
  }
  if constexpr (Kind == kExponential) return s;
  if constexpr (Kind == kHardSigmoid) return hn::Mul(constant(1.0f / 6), indicator(hn::Lt(hn::Abs(s), constant(3))));
  if constexpr (Kind == kHardSigmoid2) return hn::Mul(constant(0.2f), indicator(hn::Lt(hn::Abs(s), constant(2.5f))));
  if constexpr (Kind == kHardSilu)
    return hn::IfThenElse(hn::Le(s, constant(-3)), zero,
                          hn::IfThenElse(hn::Ge(s, constant(3)), one, hn::MulAdd(s, constant(1.0f / 3), constant(0.5f))));
  if constexpr (Kind == kHardTanh) return indicator(hn::Lt(hn::Abs(s), one));
  if constexpr (Kind == kMish) {
    const V t = tanh(softplus(s));
    return hn::MulAdd(hn::Mul(s, hn::NegMulAdd(t, t, one)), sigmoid(s), t);
  }
  if constexpr (Kind == kLogSigmoid) return sigmoid(hn::Neg(s));
  if constexpr (Kind == kCelu) return hn::IfThenElse(hn::Gt(s, zero), one, exp(hn::Div(s, alpha)));
}

template <op::ActivationKind Kind>
void map_activation(const float* x, float* y, std::int64_t count, float alpha) {
  const V a = constant(alpha);
  map(
      count, y, [a](V v) HWY_ATTR { return activate<Kind>(v, a); }, x);
}

template <op::ActivationKind Kind>
void map_slope(const float* dy, const float* saved, float* dx, std::int64_t count, float alpha) {
  const V a = constant(alpha);
  map(
      count, dx, [a](V g, V s) HWY_ATTR { return hn::Mul(g, slope<Kind>(s, a)); }, dy, saved);
}

constexpr int kKinds = static_cast<int>(kCelu) + 1;  // kCelu is the last

template <int... Kind>
MapFunction find_map(op::ActivationKind kind, std::integer_sequence<int, Kind...>) {
  static constexpr MapFunction kTable[] = {map_activation<static_cast<op::ActivationKind>(Kind)>...};
  return kTable[static_cast<int>(kind)];
}
template <int... Kind>
MapGradFunction find_map_grad(op::ActivationKind kind, std::integer_sequence<int, Kind...>) {
  static constexpr MapGradFunction kTable[] = {map_slope<static_cast<op::ActivationKind>(Kind)>...};
  return kTable[static_cast<int>(kind)];
}

MapFunction activation(op::ActivationKind kind) { return find_map(kind, std::make_integer_sequence<int, kKinds>()); }
MapGradFunction activation_grad(op::ActivationKind kind) {
  return find_map_grad(kind, std::make_integer_sequence<int, kKinds>());
}

}  // namespace tutti::native::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tutti::native {

HWY_EXPORT(activation);
HWY_EXPORT(activation_grad);

MapFunction activation_function(op::ActivationKind kind) { return HWY_DYNAMIC_DISPATCH(activation)(kind); }
MapGradFunction activation_grad_function(op::ActivationKind kind) { return HWY_DYNAMIC_DISPATCH(activation_grad)(kind); }

}  // namespace tutti::native
#endif
