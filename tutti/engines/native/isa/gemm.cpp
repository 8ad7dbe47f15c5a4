#include "tutti/engines/native/isa/gemm.h"

#include "tutti/engines/native/isa/targets.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tutti/engines/native/isa/gemm.cpp"
#include <hwy/foreach_target.h>  // first: it includes this file once for each target

#include <hwy/highway.h>

#include "tutti/engines/native/isa/unroll-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tutti::native::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
// Exact on every target we build: their vectors have a fixed size.
constexpr auto kLanes = static_cast<std::ptrdiff_t>(hn::MaxLanes(D()));

// Rows of the tallest tile whose accumulators (rows x 2), operands of B (2) and one of A fit in the registers: 32 of them on
// AVX-512 (which broadcasts A from memory inside the FMA) and on NEON, 16 elsewhere.
#if HWY_TARGET == HWY_AVX3
constexpr int kRows = 14;
#elif HWY_TARGET == HWY_NEON
constexpr int kRows = 12;
#else
constexpr int kRows = 6;
#endif

// Rows x Vectors accumulators that live in registers for the whole sum.
template <int Rows, int Vectors>
struct Tile {
  V v[Rows][Vectors];

  HWY_INLINE void load(const float* c, std::ptrdiff_t stride) {
    unroll<Rows>([&](auto r) TUTTI_INLINE_LAMBDA {
      unroll<Vectors>([&](auto j) TUTTI_INLINE_LAMBDA { v[r][j] = hn::LoadU(D(), c + r * stride + j * kLanes); });
    });
  }

  HWY_INLINE void store(float* c, std::ptrdiff_t stride) const {
    unroll<Rows>([&](auto r) TUTTI_INLINE_LAMBDA {
      unroll<Vectors>([&](auto j) TUTTI_INLINE_LAMBDA { hn::StoreU(v[r][j], D(), c + r * stride + j * kLanes); });
    });
  }

  // A tile at the right edge goes through whole lines on the stack: no masked access, which not every target has.
  HWY_INLINE void load(const float* c, std::ptrdiff_t stride, std::ptrdiff_t columns) {
    if (columns == Vectors * kLanes) return load(c, stride);
    alignas(64) float lines[Rows * Vectors * kLanes] = {};
    for (int r = 0; r < Rows; ++r)
      for (std::ptrdiff_t j = 0; j < columns; ++j) lines[r * Vectors * kLanes + j] = c[r * stride + j];
    load(lines, Vectors * kLanes);
  }

  HWY_INLINE void store(float* c, std::ptrdiff_t stride, std::ptrdiff_t columns) const {
    if (columns == Vectors * kLanes) return store(c, stride);
    alignas(64) float lines[Rows * Vectors * kLanes];
    store(lines, Vectors * kLanes);
    for (int r = 0; r < Rows; ++r)
      for (std::ptrdiff_t j = 0; j < columns; ++j) c[r * stride + j] = lines[r * Vectors * kLanes + j];
  }

  HWY_INLINE void fill(const float* line) {  // null: zeros
    unroll<Vectors>([&](auto j) TUTTI_INLINE_LAMBDA {
      const V value = line ? hn::LoadU(D(), line + j * kLanes) : hn::Zero(D());
      unroll<Rows>([&](auto r) TUTTI_INLINE_LAMBDA { v[r][j] = value; });
    });
  }

  HWY_INLINE void clip_at_zero() {
    unroll<Rows>([&](auto r) TUTTI_INLINE_LAMBDA {
      unroll<Vectors>([&](auto j) TUTTI_INLINE_LAMBDA {
        // NaN stays NaN.
        v[r][j] = hn::IfThenZeroElse(hn::Lt(v[r][j], hn::Zero(D())), v[r][j]);
      });
    });
  }

  // += (element r of A at a(r)) x (the vectors at b)
  template <class Address>
  HWY_INLINE void add_product(Address a, const float* HWY_RESTRICT b) {
    V bv[Vectors];
    unroll<Vectors>([&](auto j) TUTTI_INLINE_LAMBDA { bv[j] = hn::LoadU(D(), b + j * kLanes); });
    unroll<Rows>([&](auto r) TUTTI_INLINE_LAMBDA {
      const V av = hn::Set(D(), *a(r));
      unroll<Vectors>([&](auto j) TUTTI_INLINE_LAMBDA { v[r][j] = hn::MulAdd(av, bv[j], v[r][j]); });
    });
  }
};

template <int Rows, int Vectors>
void dot_tile(const DotTile& t) {
  Tile<Rows, Vectors> acc;
  if (t.accumulate) {
    acc.load(t.c, t.c_row_stride, t.columns);
  } else {
    acc.fill(t.bias);
  }
  const std::ptrdiff_t stride = t.a_row_stride, b_stride = t.b_row_stride;
  const float* HWY_RESTRICT b = t.b;
  for (std::ptrdiff_t tap = 0; tap < t.tap_count; ++tap) {
    const float* HWY_RESTRICT a = t.a + t.taps[tap].offset;
    for (const float* end = a + t.taps[tap].length; a != end; ++a, b += b_stride)
      acc.add_product([&](auto r) TUTTI_INLINE_LAMBDA { return a + r * stride; }, b);
  }
  if (t.relu) acc.clip_at_zero();
  acc.store(t.c, t.c_row_stride, t.columns);
}

template <int Rows, int Vectors>
void outer_tile(const OuterTile& t) {
  Tile<Rows, Vectors> acc;
  if (t.accumulate) {
    acc.load(t.c, t.c_row_stride, t.columns);
  } else {
    acc.fill(t.bias);
  }
  const std::ptrdiff_t a_stride = t.a_k_stride, b_stride = t.b_k_stride;
  for (std::ptrdiff_t line = 0; line < t.lines; ++line) {
    const float* HWY_RESTRICT a = t.a + line * t.a_line_stride;
    const float* HWY_RESTRICT b = t.b + line * t.b_line_stride;
    for (std::ptrdiff_t k = 0; k < t.length; ++k, a += a_stride, b += b_stride)
      acc.add_product([&](auto r) TUTTI_INLINE_LAMBDA { return a + r; }, b);
  }
  acc.store(t.c, t.c_row_stride, t.columns);
}

#if HWY_TARGET != HWY_SCALAR
// A block of 4 x 4: rows are interleaved twice.
HWY_INLINE void transpose_4x4(const float* src, std::ptrdiff_t src_stride, float* dst, std::ptrdiff_t dst_stride) {
  const hn::FixedTag<float, 4> d;
  const auto r0 = hn::LoadU(d, src), r1 = hn::LoadU(d, src + src_stride);
  const auto r2 = hn::LoadU(d, src + 2 * src_stride), r3 = hn::LoadU(d, src + 3 * src_stride);
  const auto even_low = hn::InterleaveLower(d, r0, r2), odd_low = hn::InterleaveLower(d, r1, r3);
  const auto even_high = hn::InterleaveUpper(d, r0, r2), odd_high = hn::InterleaveUpper(d, r1, r3);
  hn::StoreU(hn::InterleaveLower(d, even_low, odd_low), d, dst);
  hn::StoreU(hn::InterleaveUpper(d, even_low, odd_low), d, dst + dst_stride);
  hn::StoreU(hn::InterleaveLower(d, even_high, odd_high), d, dst + 2 * dst_stride);
  hn::StoreU(hn::InterleaveUpper(d, even_high, odd_high), d, dst + 3 * dst_stride);
}
#endif

void transpose(const float* src, std::ptrdiff_t src_stride, std::ptrdiff_t rows, std::ptrdiff_t columns, float* dst,
               std::ptrdiff_t dst_stride) {
  std::ptrdiff_t i0 = 0;
#if HWY_TARGET != HWY_SCALAR
  // 16 rows at a time fill whole cache lines of dst.
  const std::ptrdiff_t whole_columns = columns / 4 * 4;
  for (const std::ptrdiff_t height : {16, 4}) {
    for (; i0 + height <= rows; i0 += height) {
      for (std::ptrdiff_t j = 0; j < whole_columns; j += 4)
        for (std::ptrdiff_t i = i0; i < i0 + height; i += 4)
          transpose_4x4(src + i * src_stride + j, src_stride, dst + j * dst_stride + i, dst_stride);
      for (std::ptrdiff_t j = whole_columns; j < columns; ++j)
        for (std::ptrdiff_t i = i0; i < i0 + height; ++i) dst[j * dst_stride + i] = src[i * src_stride + j];
    }
  }
#endif
  for (std::ptrdiff_t j = 0; j < columns; ++j)
    for (std::ptrdiff_t i = i0; i < rows; ++i) dst[j * dst_stride + i] = src[i * src_stride + j];
}

void copy_rows(const float* src, std::ptrdiff_t src_stride, std::ptrdiff_t rows, std::ptrdiff_t columns, float* dst,
               std::ptrdiff_t dst_stride) {
  const D d;
  if (columns == 2 * kLanes && dst_stride == 2 * kLanes) {  // a whole panel: not worth a call of memcpy a row
    for (std::ptrdiff_t i = 0; i < rows; ++i, src += src_stride, dst += dst_stride) {
      hn::StoreU(hn::LoadU(d, src), d, dst);
      hn::StoreU(hn::LoadU(d, src + kLanes), d, dst + kLanes);
    }
    return;
  }
  for (std::ptrdiff_t i = 0; i < rows; ++i, src += src_stride, dst += dst_stride) {
    std::copy_n(src, columns, dst);
    std::fill(dst + columns, dst + dst_stride, 0.0f);
  }
}

template <int Rows>
void fill_tables(GemmIsa& isa) {
  isa.dot[0][Rows - 1] = dot_tile<Rows, 1>;
  isa.dot[1][Rows - 1] = dot_tile<Rows, 2>;
  isa.outer[0][Rows - 1] = outer_tile<Rows, 1>;
  isa.outer[1][Rows - 1] = outer_tile<Rows, 2>;
  if constexpr (Rows > 1) fill_tables<Rows - 1>(isa);
}

GemmIsa make_gemm_isa() {
  GemmIsa isa{};
  isa.lanes = kLanes;
  isa.max_rows = kRows;
  isa.copy_rows = copy_rows;
  isa.transpose = transpose;
  fill_tables<kRows>(isa);
  return isa;
}

}  // namespace tutti::native::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tutti::native {

HWY_EXPORT(make_gemm_isa);

const GemmIsa& gemm_isa() {
  static const GemmIsa isa = HWY_DYNAMIC_DISPATCH(make_gemm_isa)();
  return isa;
}

}  // namespace tutti::native
#endif
