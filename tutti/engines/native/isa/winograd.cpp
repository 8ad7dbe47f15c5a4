#include "tutti/engines/native/isa/winograd.h"

#include "tutti/engines/native/isa/targets.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tutti/engines/native/isa/winograd.cpp"
#include <hwy/foreach_target.h>  // first: it includes this file once for each target

#include <hwy/highway.h>

#include "tutti/engines/native/isa/unroll-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tutti::native::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr auto kLanes = static_cast<std::ptrdiff_t>(hn::MaxLanes(D()));

// The points a and b besides 0 and infinity, each with both signs.
constexpr float kA = 0.70710678118654752f, kB = 1.41421356237309505f;
constexpr float kA2 = 0.5f, kB2 = 2.0f;  // a^2, b^2; a^2 b^2 = 1 below
constexpr float kA3 = kA2 * kA, kB3 = kB2 * kB;
constexpr float kSum = kA2 + kB2;
// 1 / product of the differences to the other points.
constexpr float kNa = 1 / (2 * kA2 * (kA2 - kB2)), kNb = 1 / (2 * kB2 * (kB2 - kA2));

HWY_INLINE V set(float value) { return hn::Set(D(), value); }

// The first `count` floats at p, zeros after them. The rest of a vector is not touched: no target needs masked access for it.
HWY_INLINE V load(const float* HWY_RESTRICT p, std::ptrdiff_t count) {
  if (count >= kLanes) return hn::LoadU(D(), p);
  alignas(64) float line[kLanes] = {};
  for (std::ptrdiff_t i = 0; i < count; ++i) line[i] = p[i];
  return hn::Load(D(), line);
}

HWY_INLINE void store(V v, float* HWY_RESTRICT p, std::ptrdiff_t count) {
  if (count >= kLanes) return hn::StoreU(v, D(), p);
  alignas(64) float line[kLanes];
  hn::Store(v, D(), line);
  for (std::ptrdiff_t i = 0; i < count; ++i) p[i] = line[i];
}

// --- The five matrices, applied to a line whose elements are `from(i)`; results go to `to(i, value)`.

// B^T, 6 to 6
struct InputLine {
  static constexpr int kFrom = 6, kTo = 6;
  template <class From, class To>
  static HWY_INLINE void apply(From from, To to) {
    const V d0 = from(0), d1 = from(1), d2 = from(2), d3 = from(3), d4 = from(4), d5 = from(5);
    to(0, hn::NegMulAdd(set(kSum), d2, hn::Add(d0, d4)));
    const V even_a = hn::NegMulAdd(set(kB2), d2, d4), odd_a = hn::NegMulAdd(set(kB2), d1, d3);
    to(1, hn::MulAdd(set(kA), odd_a, even_a));
    to(2, hn::NegMulAdd(set(kA), odd_a, even_a));
    const V even_b = hn::NegMulAdd(set(kA2), d2, d4), odd_b = hn::NegMulAdd(set(kA2), d1, d3);
    to(3, hn::MulAdd(set(kB), odd_b, even_b));
    to(4, hn::NegMulAdd(set(kB), odd_b, even_b));
    to(5, hn::NegMulAdd(set(kSum), d3, hn::Add(d1, d5)));
  }
};

// G, 3 to 6
struct KernelLine {
  static constexpr int kFrom = 3, kTo = 6;
  template <class From, class To>
  static HWY_INLINE void apply(From from, To to) {
    const V g0 = from(0), g1 = from(1), g2 = from(2);
    to(0, g0);
    const V even_a = hn::Mul(set(kNa), hn::MulAdd(set(kA2), g2, g0));
    to(1, hn::MulAdd(set(kNa * kA), g1, even_a));
    to(2, hn::NegMulAdd(set(kNa * kA), g1, even_a));
    const V even_b = hn::Mul(set(kNb), hn::MulAdd(set(kB2), g2, g0));
    to(3, hn::MulAdd(set(kNb * kB), g1, even_b));
    to(4, hn::NegMulAdd(set(kNb * kB), g1, even_b));
    to(5, g2);
  }
};

// A^T, 6 to 4
struct OutputLine {
  static constexpr int kFrom = 6, kTo = 4;
  template <class From, class To>
  static HWY_INLINE void apply(From from, To to) {
    const V m0 = from(0), m1 = from(1), m2 = from(2), m3 = from(3), m4 = from(4), m5 = from(5);
    const V sum_a = hn::Add(m1, m2), difference_a = hn::Sub(m1, m2);
    const V sum_b = hn::Add(m3, m4), difference_b = hn::Sub(m3, m4);
    to(0, hn::Add(m0, hn::Add(sum_a, sum_b)));
    to(1, hn::MulAdd(set(kA), difference_a, hn::Mul(set(kB), difference_b)));
    to(2, hn::MulAdd(set(kA2), sum_a, hn::Mul(set(kB2), sum_b)));
    to(3, hn::MulAdd(set(kA3), difference_a, hn::MulAdd(set(kB3), difference_b, m5)));
  }
};

// A, 4 to 6
struct OutputGradLine {
  static constexpr int kFrom = 4, kTo = 6;
  template <class From, class To>
  static HWY_INLINE void apply(From from, To to) {
    const V y0 = from(0), y1 = from(1), y2 = from(2), y3 = from(3);
    to(0, y0);
    const V even_a = hn::MulAdd(set(kA2), y2, y0), odd_a = hn::MulAdd(set(kA2), y3, y1);
    to(1, hn::MulAdd(set(kA), odd_a, even_a));
    to(2, hn::NegMulAdd(set(kA), odd_a, even_a));
    const V even_b = hn::MulAdd(set(kB2), y2, y0), odd_b = hn::MulAdd(set(kB2), y3, y1);
    to(3, hn::MulAdd(set(kB), odd_b, even_b));
    to(4, hn::NegMulAdd(set(kB), odd_b, even_b));
    to(5, y3);
  }
};

// G^T, 6 to 3
struct KernelGradLine {
  static constexpr int kFrom = 6, kTo = 3;
  template <class From, class To>
  static HWY_INLINE void apply(From from, To to) {
    const V m0 = from(0), m1 = from(1), m2 = from(2), m3 = from(3), m4 = from(4), m5 = from(5);
    const V sum_a = hn::Add(m1, m2), difference_a = hn::Sub(m1, m2);
    const V sum_b = hn::Add(m3, m4), difference_b = hn::Sub(m3, m4);
    to(0, hn::MulAdd(set(kNa), sum_a, hn::MulAdd(set(kNb), sum_b, m0)));
    to(1, hn::MulAdd(set(kNa * kA), difference_a, hn::Mul(set(kNb * kB), difference_b)));
    to(2, hn::MulAdd(set(kNa * kA2), sum_a, hn::MulAdd(set(kNb * kB2), sum_b, m5)));
  }
};

// A matrix from both sides: first down the columns, then along the rows. from(row, column), to(row, column, value).
template <class Line, class From, class To>
HWY_INLINE void apply_twice(From from, To to) {
  V half[Line::kTo][Line::kFrom];
  unroll<Line::kFrom>([&](auto column) TUTTI_INLINE_LAMBDA {
    Line::apply([&](int row) TUTTI_INLINE_LAMBDA { return from(row, column); },
                [&](int row, V v) TUTTI_INLINE_LAMBDA { half[row][column] = v; });
  });
  unroll<Line::kTo>([&](auto row) TUTTI_INLINE_LAMBDA {
    Line::apply([&](int column) TUTTI_INLINE_LAMBDA { return half[row][column]; },
                [&](int column, V v) TUTTI_INLINE_LAMBDA { to(row, column, v); });
  });
}

// For the transforms that read pixels of an image and write lines of whole vectors.
template <class Line>
HWY_INLINE void transform_pixels(const float* const* pixels, std::ptrdiff_t channels, float* HWY_RESTRICT v,
                                 std::ptrdiff_t stride) {
  for (std::ptrdiff_t c = 0; c < channels; c += kLanes) {
    apply_twice<Line>([&](int row, int column)
                          TUTTI_INLINE_LAMBDA { return load(pixels[row * Line::kFrom + column] + c, channels - c); },
                      [&](int row, int column, V value)
                          TUTTI_INLINE_LAMBDA { hn::StoreU(value, D(), v + (row * Line::kTo + column) * stride + c); });
  }
}

void input(const float* const* d, std::ptrdiff_t channels, float* v, std::ptrdiff_t stride) {
  transform_pixels<InputLine>(d, channels, v, stride);
}

void kernel(const float* const* g, std::ptrdiff_t channels, float* u, std::ptrdiff_t stride) {
  transform_pixels<KernelLine>(g, channels, u, stride);
}

void output_grad(const float* const* dy, std::ptrdiff_t channels, float* v, std::ptrdiff_t stride, float* sums) {
  transform_pixels<OutputGradLine>(dy, channels, v, stride);
  for (std::ptrdiff_t c = 0; c < channels; c += kLanes) {
    V sum = hn::Zero(D());
    for (int i = 0; i < 16; ++i) sum = hn::Add(sum, load(dy[i] + c, channels - c));
    hn::StoreU(hn::Add(hn::LoadU(D(), sums + c), sum), D(), sums + c);
  }
}

void output(const WinogradOutput& t) {
  for (std::ptrdiff_t c = 0; c < t.channels; c += kLanes) {
    const std::ptrdiff_t count = t.channels - c;
    V y[kWinogradOut][kWinogradOut];
    apply_twice<OutputLine>(
        [&](int row, int column)
            TUTTI_INLINE_LAMBDA { return hn::LoadU(D(), t.m + (row * kWinogradIn + column) * t.stride + c); },
        [&](int row, int column, V value) TUTTI_INLINE_LAMBDA { y[row][column] = value; });
    const V bias = t.bias ? load(t.bias + c, count) : hn::Zero(D());
    const V low = t.relu ? hn::Zero(D()) : set(-__builtin_inff());
    for (int row = 0; row < t.rows; ++row) {
      for (int column = 0; column < t.columns; ++column) {
        const std::ptrdiff_t at = row * t.row_stride + column * t.pixel_stride + c;
        V value = hn::Add(y[row][column], bias);
        // As the op says, NaN stays NaN.
        value = hn::IfThenElse(hn::Lt(value, low), low, value);
        if (t.gate) value = hn::IfThenElseZero(hn::Gt(load(t.gate + at, count), hn::Zero(D())), value);
        store(value, t.y + at, count);
      }
    }
  }
}

using DI = hn::RebindToSigned<D>;
using VI = hn::Vec<DI>;
using DB = hn::Rebind<std::uint8_t, DI>;

HWY_INLINE VI load_codes(const std::uint8_t* p, std::ptrdiff_t count) {
  if (count >= kLanes) return hn::PromoteTo(DI(), hn::LoadU(DB(), p));
  alignas(64) std::uint8_t line[kLanes] = {};
  for (std::ptrdiff_t i = 0; i < count; ++i) line[i] = p[i];
  return hn::PromoteTo(DI(), hn::Load(DB(), line));
}

HWY_INLINE void store_codes(VI codes, std::uint8_t* p, std::ptrdiff_t count) {
  if (count >= kLanes) return hn::StoreU(hn::DemoteTo(DB(), codes), DB(), p);
  alignas(64) std::uint8_t line[kLanes];
  hn::Store(hn::DemoteTo(DB(), codes), DB(), line);
  for (std::ptrdiff_t i = 0; i < count; ++i) p[i] = line[i];
}

// One pooled pixel of the four outputs in `window`, in scan order; the first of equals wins, and NaN wins over all.
HWY_INLINE void store_pooled(const WinogradPooledOutput& t, const V (&window)[4], V bias, std::ptrdiff_t at,
                             std::ptrdiff_t count) {
  const DI di;
  V largest = window[0];
  VI code = hn::Zero(di);
  for (int i = 1; i < 4; ++i) {
    const auto wins = hn::Or(hn::Gt(window[i], largest), hn::Ne(window[i], window[i]));
    largest = hn::IfThenElse(wins, window[i], largest);
    code = hn::IfThenElse(hn::RebindMask(di, wins), hn::Set(di, i), code);
  }
  V value = hn::Add(largest, bias);
  value = hn::IfThenZeroElse(hn::Lt(value, hn::Zero(D())), value);
  auto open = hn::Gt(value, hn::Zero(D()));
  if (t.drops) {
    const auto kept = hn::RebindMask(D(), hn::Ne(load_codes(t.code + at, count), hn::Zero(di)));
    value = hn::IfThenElseZero(kept, hn::Mul(value, set(t.scale)));
    open = hn::And(open, kept);
  }
  store(value, t.y + at, count);
  if (t.code) store_codes(hn::IfThenElse(hn::RebindMask(di, open), code, hn::Set(di, kPoolClosed)), t.code + at, count);
}

void pooled_output(const WinogradPooledOutput& t) {
  for (std::ptrdiff_t c = 0; c < t.channels; c += kLanes) {
    const std::ptrdiff_t count = t.channels - c;
    V y[kWinogradOut][kWinogradOut];
    apply_twice<OutputLine>(
        [&](int row, int column)
            TUTTI_INLINE_LAMBDA { return hn::LoadU(D(), t.m + (row * kWinogradIn + column) * t.stride + c); },
        [&](int row, int column, V value) TUTTI_INLINE_LAMBDA { y[row][column] = value; });
    const V bias = t.bias ? load(t.bias + c, count) : hn::Zero(D());
    for (int row = 0; row < t.rows; ++row) {
      for (int column = 0; column < t.columns; ++column) {
        const V window[4] = {y[2 * row][2 * column], y[2 * row][2 * column + 1], y[2 * row + 1][2 * column],
                             y[2 * row + 1][2 * column + 1]};
        store_pooled(t, window, bias, row * t.row_stride + column * t.pixel_stride + c, count);
      }
    }
  }
}

// The vectors of a pixel's four cells: the gradient in the one that won, zeros in the others.
void unpool(const float* dy, const std::uint8_t* code, std::ptrdiff_t pixels, std::ptrdiff_t channels, float scale, float* top,
            float* bottom) {
  const DI di;
  for (std::ptrdiff_t pixel = 0; pixel < pixels; ++pixel) {
    float* const cells[4] = {top + 2 * pixel * channels, top + (2 * pixel + 1) * channels, bottom + 2 * pixel * channels,
                             bottom + (2 * pixel + 1) * channels};
    for (std::ptrdiff_t c = 0; c < channels; c += kLanes) {
      const std::ptrdiff_t at = pixel * channels + c, count = channels - c;
      const V value = hn::Mul(load(dy + at, count), set(scale));
      const VI winner = load_codes(code + at, count);
      for (int i = 0; i < 4; ++i)
        store(hn::IfThenElseZero(hn::RebindMask(D(), hn::Eq(winner, hn::Set(di, i))), value), cells[i] + c, count);
    }
  }
}

// As transform_pixels(), of windows. The first pixel is cell (Shift, Shift) of the first of them.
template <class Line, int Shift>
HWY_INLINE void transform_windows(const WinogradWindows& t, std::ptrdiff_t c, float* HWY_RESTRICT v, std::ptrdiff_t stride) {
  constexpr int kWindows = (Line::kFrom + Shift + 1) / 2;
  const DI di;
  V pixels[2 * kWindows][2 * kWindows];
  unroll<kWindows * kWindows>([&](auto window) TUTTI_INLINE_LAMBDA {
    const V value = hn::Mul(load(t.dy[window] + c, t.channels - c), set(t.scale));
    const VI winner = load_codes(t.code[window] + c, t.channels - c);
    unroll<4>([&](auto cell) TUTTI_INLINE_LAMBDA {
      pixels[window / kWindows * 2 + cell / 2][window % kWindows * 2 + cell % 2] =
          hn::IfThenElseZero(hn::RebindMask(D(), hn::Eq(winner, hn::Set(di, cell))), value);
    });
  });
  apply_twice<Line>([&](int row, int column) TUTTI_INLINE_LAMBDA { return pixels[row + Shift][column + Shift]; },
                    [&](int row, int column, V value)
                        TUTTI_INLINE_LAMBDA { hn::StoreU(value, D(), v + (row * Line::kTo + column) * stride + c); });
}

template <int Shift>
void unpooled_input(const WinogradWindows& t, float* v, std::ptrdiff_t stride) {
  for (std::ptrdiff_t c = 0; c < t.channels; c += kLanes) transform_windows<InputLine, Shift>(t, c, v, stride);
}

void unpooled_output_grad(const WinogradWindows& t, float* v, std::ptrdiff_t stride, float* sums) {
  const DI di;
  for (std::ptrdiff_t c = 0; c < t.channels; c += kLanes) {
    transform_windows<OutputGradLine, 0>(t, c, v, stride);
    V sum = hn::Zero(D());
    for (int i = 0; i < 4; ++i) {
      const auto open = hn::RebindMask(D(), hn::Lt(load_codes(t.code[i] + c, t.channels - c), hn::Set(di, kPoolClosed)));
      sum = hn::Add(sum, hn::IfThenElseZero(open, load(t.dy[i] + c, t.channels - c)));
    }
    hn::StoreU(hn::MulAdd(sum, set(t.scale), hn::LoadU(D(), sums + c)), D(), sums + c);
  }
}

void kernel_grad(const float* m, std::ptrdiff_t stride, std::ptrdiff_t channels, float* const* g) {
  for (std::ptrdiff_t c = 0; c < channels; c += kLanes) {
    apply_twice<KernelGradLine>(
        [&](int row, int column) TUTTI_INLINE_LAMBDA { return hn::LoadU(D(), m + (row * kWinogradIn + column) * stride + c); },
        [&](int row, int column, V value) TUTTI_INLINE_LAMBDA { store(value, g[row * 3 + column] + c, channels - c); });
  }
}

WinogradIsa make_winograd_isa() {
  return {.lanes = kLanes,
          .input = input,
          .kernel = kernel,
          .output = output,
          .pooled_output = pooled_output,
          .unpool = unpool,
          .output_grad = output_grad,
          .unpooled_input = {unpooled_input<0>, unpooled_input<1>},
          .unpooled_output_grad = unpooled_output_grad,
          .kernel_grad = kernel_grad};
}

}  // namespace tutti::native::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tutti::native {

HWY_EXPORT(make_winograd_isa);

const WinogradIsa& winograd_isa() {
  static const WinogradIsa isa = HWY_DYNAMIC_DISPATCH(make_winograd_isa)();
  return isa;
}

}  // namespace tutti::native
#endif
