// Loops that apply a vector function element by element. Included once for each target, inside HWY_BEFORE_NAMESPACE.
#if defined(TUTTI_NATIVE_ISA_MAP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TUTTI_NATIVE_ISA_MAP_INL_H_
#undef TUTTI_NATIVE_ISA_MAP_INL_H_
#else
#define TUTTI_NATIVE_ISA_MAP_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tutti::native::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
// Exact on every target we build: their vectors have a fixed size.
constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(D()));

// y[i] = f(x[i], ...) for whole vectors; the tail goes through the stack, so that no target needs masked access and no element
// beyond the end is touched. y may be one of the inputs.
template <class F, class... X>
HWY_INLINE void map(std::int64_t count, float* y, F f, const X*... x) {
  const D d;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(f(hn::LoadU(d, x + i)...), d, y + i);
  if (i == count) return;
  const auto tail = [&](const float* source) {
    alignas(64) float line[kLanes] = {};
    std::copy_n(source, count - i, line);
    return hn::Load(d, line);
  };
  alignas(64) float line[kLanes];
  hn::Store(f(tail(x + i)...), d, line);
  std::copy_n(line, count - i, y + i);
}

}  // namespace tutti::native::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
