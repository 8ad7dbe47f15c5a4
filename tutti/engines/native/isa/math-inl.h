// Highway's exponentials for every argument. Included once for each target, after highway.h.
#if defined(TUTTI_NATIVE_ISA_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TUTTI_NATIVE_ISA_MATH_INL_H_
#undef TUTTI_NATIVE_ISA_MATH_INL_H_
#else
#define TUTTI_NATIVE_ISA_MATH_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "tutti/engines/native/isa/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tutti::native::HWY_NAMESPACE {

HWY_INLINE V constant(float value) { return hn::Set(D(), value); }

// y, but NaN where x is: Highway's functions take NaN for a very small number.
HWY_INLINE V keep_nan(V x, V y) { return hn::IfThenElse(hn::IsNaN(x), x, y); }

// e^x. Highway does not say what its function gives far above the overflow at 88.7; e^89 is infinite as it should be.
HWY_INLINE V exp(V x) {
  const V bound = constant(89);
  return keep_nan(x, hn::Exp(D(), hn::IfThenElse(hn::Gt(x, bound), bound, x)));
}

// e^x - 1 for x <= 0; 0 above.
HWY_INLINE V expm1_negative(V x) { return keep_nan(x, hn::Expm1(D(), hn::Min(x, hn::Zero(D())))); }

// log(1 + x) for x in [0, 1].
HWY_INLINE V log1p_unit(V x) { return keep_nan(x, hn::Log1p(D(), x)); }

}  // namespace tutti::native::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
