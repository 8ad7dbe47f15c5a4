#include "tutti/engines/native/isa/pixels.h"

#include "tutti/engines/native/isa/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tutti/engines/native/isa/pixels.cpp"
#include <hwy/foreach_target.h>  // first: it includes this file once for each target

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tutti::native::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls f with the tag of full vectors for whole vectors of channels and with the tag of one lane for the rest.
template <class F>
HWY_INLINE void for_channels(std::int64_t channels, F f) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> d1;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) f(d, c);
  for (; c < channels; ++c) f(d1, c);
}

void max_pool(const float* x, const PoolWindow& window, std::int64_t c, float* y, std::int32_t* argmax) {
  const std::int64_t first = window.row_begin * window.w + window.column_begin;
  for_channels(c, [&](auto d, std::int64_t channel) HWY_ATTR {
    const hn::Rebind<std::int32_t, decltype(d)> di;
    auto best = hn::LoadU(d, x + first * c + channel);
    auto best_at = hn::Set(di, static_cast<std::int32_t>(first));
    for (std::int64_t row = window.row_begin; row < window.row_end; ++row) {
      for (std::int64_t at = row * window.w + window.column_begin; at < row * window.w + window.column_end; ++at) {
        const auto value = hn::LoadU(d, x + at * c + channel);
        // Also when the value is NaN, but never after a NaN.
        const auto wins = hn::And(hn::Not(hn::Le(value, best)), hn::Eq(best, best));
        best = hn::IfThenElse(wins, value, best);
        best_at = hn::IfThenElse(hn::RebindMask(di, wins), hn::Set(di, static_cast<std::int32_t>(at)), best_at);
      }
    }
    hn::StoreU(best, d, y + channel);
    hn::StoreU(best_at, di, argmax + channel);
  });
}

void max_pool_grad(const float* dy, const std::int32_t* argmax, const PoolWindow& window, std::int64_t c, bool store,
                   float* dx) {
  for_channels(c, [&](auto d, std::int64_t channel) HWY_ATTR {
    const hn::Rebind<std::int32_t, decltype(d)> di;
    const auto gradient = hn::LoadU(d, dy + channel);
    const auto winner = hn::LoadU(di, argmax + channel);
    for (std::int64_t row = window.row_begin; row < window.row_end; ++row) {
      for (std::int64_t at = row * window.w + window.column_begin; at < row * window.w + window.column_end; ++at) {
        const auto is_winner = hn::RebindMask(d, hn::Eq(winner, hn::Set(di, static_cast<std::int32_t>(at))));
        const auto share = hn::IfThenElseZero(is_winner, gradient);
        float* cell = dx + at * c + channel;
        hn::StoreU(store ? share : hn::Add(hn::LoadU(d, cell), share), d, cell);
      }
    }
  });
}

float cells_of(const PoolWindow& window) {
  return static_cast<float>((window.row_end - window.row_begin) * (window.column_end - window.column_begin));
}

void average_pool(const float* x, const PoolWindow& window, std::int64_t c, float* y) {
  const float cells = cells_of(window);
  for_channels(c, [&](auto d, std::int64_t channel) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (std::int64_t row = window.row_begin; row < window.row_end; ++row)
      for (std::int64_t at = row * window.w + window.column_begin; at < row * window.w + window.column_end; ++at)
        sum = hn::Add(sum, hn::LoadU(d, x + at * c + channel));
    hn::StoreU(hn::Div(sum, hn::Set(d, cells)), d, y + channel);
  });
}

void average_pool_grad(const float* dy, const PoolWindow& window, std::int64_t c, bool store, float* dx) {
  const float cells = cells_of(window);
  for_channels(c, [&](auto d, std::int64_t channel) HWY_ATTR {
    const auto share = hn::Div(hn::LoadU(d, dy + channel), hn::Set(d, cells));
    for (std::int64_t row = window.row_begin; row < window.row_end; ++row) {
      for (std::int64_t at = row * window.w + window.column_begin; at < row * window.w + window.column_end; ++at) {
        float* cell = dx + at * c + channel;
        hn::StoreU(store ? share : hn::Add(hn::LoadU(d, cell), share), d, cell);
      }
    }
  });
}

void depthwise(const DepthwiseRun& run) {
  for_channels(run.channels, [&](auto d, std::int64_t channel) HWY_ATTR {
    const auto init = run.bias ? hn::LoadU(d, run.bias + channel) : hn::Zero(d);
    const float* x = run.x + channel;
    float* y = run.y + channel;
    std::int64_t p = 0;
    // Four pixels share each load of a weight and hide the latency of the sums.
    for (; p + 4 <= run.pixels; p += 4, x += 4 * run.x_step, y += 4 * run.y_step) {
      auto sum0 = init, sum1 = init, sum2 = init, sum3 = init;
      for (std::int64_t tap = 0; tap < run.tap_count; ++tap) {
        const auto weight = hn::LoadU(d, run.weights + tap * run.channels + channel);
        const float* cell = x + run.taps[tap].offset;
        sum0 = hn::MulAdd(weight, hn::LoadU(d, cell), sum0);
        sum1 = hn::MulAdd(weight, hn::LoadU(d, cell + run.x_step), sum1);
        sum2 = hn::MulAdd(weight, hn::LoadU(d, cell + 2 * run.x_step), sum2);
        sum3 = hn::MulAdd(weight, hn::LoadU(d, cell + 3 * run.x_step), sum3);
      }
      hn::StoreU(sum0, d, y), hn::StoreU(sum1, d, y + run.y_step);
      hn::StoreU(sum2, d, y + 2 * run.y_step), hn::StoreU(sum3, d, y + 3 * run.y_step);
    }
    for (; p < run.pixels; ++p, x += run.x_step, y += run.y_step) {
      auto sum = init;
      for (std::int64_t tap = 0; tap < run.tap_count; ++tap)
        sum = hn::MulAdd(hn::LoadU(d, run.weights + tap * run.channels + channel), hn::LoadU(d, x + run.taps[tap].offset), sum);
      hn::StoreU(sum, d, y);
    }
  });
}

void depthwise_grad(const DepthwiseRun& run, const float* dy, float* dweights) {
  for_channels(run.channels, [&](auto d, std::int64_t channel) HWY_ATTR {
    for (std::int64_t tap = 0; tap < run.tap_count; ++tap) {
      float* target = dweights + tap * run.channels + channel;
      const float* x = run.x + run.taps[tap].offset + channel;
      const float* y = dy + channel;
      auto even = hn::LoadU(d, target), odd = hn::Zero(d);
      std::int64_t p = 0;
      for (; p + 2 <= run.pixels; p += 2, x += 2 * run.x_step, y += 2 * run.y_step) {
        even = hn::MulAdd(hn::LoadU(d, x), hn::LoadU(d, y), even);
        odd = hn::MulAdd(hn::LoadU(d, x + run.x_step), hn::LoadU(d, y + run.y_step), odd);
      }
      if (p < run.pixels) even = hn::MulAdd(hn::LoadU(d, x), hn::LoadU(d, y), even);
      hn::StoreU(hn::Add(even, odd), d, target);
    }
  });
}

PixelsIsa make_pixels_isa() {
  return {.max_pool = max_pool,
          .max_pool_grad = max_pool_grad,
          .average_pool = average_pool,
          .average_pool_grad = average_pool_grad,
          .depthwise = depthwise,
          .depthwise_grad = depthwise_grad};
}

}  // namespace tutti::native::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tutti::native {

HWY_EXPORT(make_pixels_isa);

const PixelsIsa& pixels_isa() {
  static const PixelsIsa isa = HWY_DYNAMIC_DISPATCH(make_pixels_isa)();
  return isa;
}

}  // namespace tutti::native
#endif
