#include "tutti/engines/native/isa/elementwise.h"

#include "tutti/engines/native/isa/targets.h"

#include <cmath>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tutti/engines/native/isa/elementwise.cpp"
#include <hwy/foreach_target.h>  // first: it includes this file once for each target

#include <hwy/highway.h>

#include "tutti/engines/native/isa/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tutti::native::HWY_NAMESPACE {

using op::BinaryKind;
using op::UnaryKind;

template <UnaryKind Kind>
HWY_INLINE V unary(V x) {
  const V zero = hn::Zero(D());
  if constexpr (Kind == UnaryKind::kNeg) return hn::Neg(x);
  if constexpr (Kind == UnaryKind::kAbs) return hn::Abs(x);
  if constexpr (Kind == UnaryKind::kSign)  // 0 and NaN stay
    return hn::IfThenElse(hn::Or(hn::Lt(x, zero), hn::Gt(x, zero)), hn::CopySign(constant(1), x), x);
  if constexpr (Kind == UnaryKind::kSquare) return hn::Mul(x, x);
  if constexpr (Kind == UnaryKind::kSqrt) return hn::Sqrt(x);
  if constexpr (Kind == UnaryKind::kExp) return exp(x);
  if constexpr (Kind == UnaryKind::kLog) {
    // Highway's is for positive finite numbers: 0 gives -inf, infinity and NaN stay, a negative number gives NaN.
    const V edge =
        hn::IfThenElse(hn::Eq(x, zero), constant(-HUGE_VALF), hn::IfThenElse(hn::Lt(x, zero), hn::Sqrt(constant(-1)), x));
    return hn::IfThenElse(hn::And(hn::Gt(x, zero), hn::Lt(x, constant(HUGE_VALF))), hn::Log(D(), x), edge);
  }
  if constexpr (Kind == UnaryKind::kReciprocal) return hn::Div(constant(1), x);
}

// A NaN on either side is the maximum and the minimum.
template <BinaryKind Kind>
HWY_INLINE V binary(V a, V b) {
  if constexpr (Kind == BinaryKind::kAdd) return hn::Add(a, b);
  if constexpr (Kind == BinaryKind::kSub) return hn::Sub(a, b);
  if constexpr (Kind == BinaryKind::kMul) return hn::Mul(a, b);
  if constexpr (Kind == BinaryKind::kDiv) return hn::Div(a, b);
  if constexpr (Kind == BinaryKind::kMax) return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(a)), a, b);
  if constexpr (Kind == BinaryKind::kMin) return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(a)), a, b);
}

template <UnaryKind Kind>
void map_unary(const float* x, float* y, std::int64_t count) {
  map(
      count, y, [](V v) HWY_ATTR { return unary<Kind>(v); }, x);
}
template <BinaryKind Kind>
void map_binary(const float* a, const float* b, float* y, std::int64_t count) {
  map(
      count, y, [](V v, V w) HWY_ATTR { return binary<Kind>(v, w); }, a, b);
}
template <BinaryKind Kind>
void map_scalar_right(const float* a, float b, float* y, std::int64_t count) {
  const V w = constant(b);
  map(
      count, y, [w](V v) HWY_ATTR { return binary<Kind>(v, w); }, a);
}
template <BinaryKind Kind>
void map_scalar_left(const float* a, float b, float* y, std::int64_t count) {
  const V w = constant(b);
  map(
      count, y, [w](V v) HWY_ATTR { return binary<Kind>(w, v); }, a);
}

void affine(const float* x, float scale, float offset, float* y, std::int64_t count) {
  const V s = constant(scale), o = constant(offset);
  map(
      count, y, [s, o](V v) HWY_ATTR { return hn::MulAdd(s, v, o); }, x);
}

void axpby(float alpha, const float* a, float beta, const float* b, float* y, std::int64_t count) {
  const V va = constant(alpha), vb = constant(beta);
  map(
      count, y, [va, vb](V v, V w) HWY_ATTR { return hn::MulAdd(va, v, hn::Mul(vb, w)); }, a, b);
}

void clip(const float* x, float low, float high, float* y, std::int64_t count) {
  const V l = constant(low), h = constant(high);
  map(
      count, y, [l, h](V v) HWY_ATTR { return hn::IfThenElse(hn::Lt(v, l), l, hn::IfThenElse(hn::Gt(v, h), h, v)); }, x);
}

void mask(const float* x, const std::uint8_t* keep, float scale, float* y, std::int64_t count) {
  const D d;
  const hn::Rebind<std::uint8_t, D> du8;
  const hn::Rebind<std::int32_t, D> di32;
  const V s = constant(scale);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto kept = hn::Ne(hn::PromoteTo(di32, hn::LoadU(du8, keep + i)), hn::Zero(di32));
    hn::StoreU(hn::IfThenElseZero(hn::RebindMask(d, kept), hn::Mul(hn::LoadU(d, x + i), s)), d, y + i);
  }
  for (; i < count; ++i) y[i] = keep[i] ? x[i] * scale : 0.0f;
}

void at_least(const std::uint32_t* words, std::uint32_t threshold, std::int64_t count, std::uint8_t* keep) {
  const hn::ScalableTag<std::uint32_t> d;
  const hn::Rebind<std::uint8_t, decltype(d)> du8;
  const auto bound = hn::Set(d, threshold), one = hn::Set(d, 1);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto bit = hn::IfThenZeroElse(hn::Lt(hn::LoadU(d, words + i), bound), one);
    hn::StoreU(hn::U8FromU32(bit), du8, keep + i);
  }
  for (; i < count; ++i) keep[i] = words[i] >= threshold;
}

template <int... Kind>
void fill_unary(ElementwiseIsa& isa, std::integer_sequence<int, Kind...>) {
  ((isa.unary[Kind] = map_unary<static_cast<UnaryKind>(Kind)>), ...);
}
template <int... Kind>
void fill_binary(ElementwiseIsa& isa, std::integer_sequence<int, Kind...>) {
  ((isa.binary[Kind] = map_binary<static_cast<BinaryKind>(Kind)>), ...);
  ((isa.scalar_right[Kind] = map_scalar_right<static_cast<BinaryKind>(Kind)>), ...);
  ((isa.scalar_left[Kind] = map_scalar_left<static_cast<BinaryKind>(Kind)>), ...);
}

ElementwiseIsa make_elementwise_isa() {
  ElementwiseIsa isa{};
  fill_unary(isa, std::make_integer_sequence<int, 8>());
  fill_binary(isa, std::make_integer_sequence<int, 6>());
  isa.affine = affine;
  isa.axpby = axpby;
  isa.clip = clip;
  isa.mask = mask;
  isa.at_least = at_least;
  return isa;
}

}  // namespace tutti::native::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tutti::native {

HWY_EXPORT(make_elementwise_isa);

const ElementwiseIsa& elementwise_isa() {
  static const ElementwiseIsa isa = HWY_DYNAMIC_DISPATCH(make_elementwise_isa)();
  return isa;
}

}  // namespace tutti::native
#endif
