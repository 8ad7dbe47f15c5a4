// Loops whose index is a constant. Included once for each target, inside HWY_BEFORE_NAMESPACE.
#if defined(TUTTI_NATIVE_ISA_UNROLL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TUTTI_NATIVE_ISA_UNROLL_INL_H_
#undef TUTTI_NATIVE_ISA_UNROLL_INL_H_
#else
#define TUTTI_NATIVE_ISA_UNROLL_INL_H_
#endif

#include <type_traits>
#include <utility>

#include <hwy/highway.h>

// Of the lambdas that unroll() calls: they belong to the target, and to the caller's registers.
#ifndef TUTTI_INLINE_LAMBDA
#define TUTTI_INLINE_LAMBDA HWY_ATTR __attribute__((always_inline))
#endif

HWY_BEFORE_NAMESPACE();
namespace tutti::native::HWY_NAMESPACE {

// Calls f with the constants 0 .. Count - 1. A plain loop is unrolled too late for GCC to split arrays of vectors into
// registers; constant indices let it.
template <int... I, class F>
HWY_INLINE void unroll(std::integer_sequence<int, I...>, F&& f) {
  (f(std::integral_constant<int, I>()), ...);
}
template <int Count, class F>
HWY_INLINE void unroll(F&& f) {
  unroll(std::make_integer_sequence<int, Count>(), f);
}

}  // namespace tutti::native::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
