// The register tiles that convolutions and matrix products are made of.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tutti::native {

// A run of k: `length` consecutive floats of each row of A, from `offset` on.
struct Tap {
  std::ptrdiff_t offset;
  std::ptrdiff_t length;
};

// C (rows, columns) = init + sum over taps, k of A[row * a_row_stride + tap.offset + k] * B[next row of b].
// A convolution gives its window as taps into the image; a plain product has one tap.
struct DotTile {
  const float* a;
  std::ptrdiff_t a_row_stride;
  const Tap* taps;
  std::ptrdiff_t tap_count;
  const float* b;  // row-major, b_row_stride floats a row; whole vectors are read
  std::ptrdiff_t b_row_stride;
  const float* bias;  // one value a column, whole vectors are read; null: 0, or C if accumulate
  bool accumulate;
  float* c;
  std::ptrdiff_t c_row_stride;
  std::ptrdiff_t columns;  // to store, at most vectors * lanes
  bool relu = false;       // store max(C, 0)
};

// C (rows, columns) = init + sum over lines l, k < length of A[l * a_line_stride + k * a_k_stride + row] * B[l * b_line_stride
// + k * b_k_stride + column]: the sum of outer products that gives a kernel's gradient (a line is a row of the image).
struct OuterTile {
  const float* a;
  std::ptrdiff_t a_line_stride, a_k_stride;
  const float* b;  // whole vectors are read
  std::ptrdiff_t b_line_stride, b_k_stride;
  std::ptrdiff_t lines, length;
  const float* bias;  // as in DotTile
  bool accumulate;
  float* c;
  std::ptrdiff_t c_row_stride;
  std::ptrdiff_t columns;
};

using DotTileFunction = void (*)(const DotTile&);
using OuterTileFunction = void (*)(const OuterTile&);

struct GemmIsa {
  static constexpr int kMaxRows = 14, kMaxVectors = 2;
  std::ptrdiff_t lanes;  // floats in a vector
  int max_rows;          // rows of the largest tile
  // [vectors - 1][rows - 1]; null above max_rows
  DotTileFunction dot[kMaxVectors][kMaxRows];
  OuterTileFunction outer[kMaxVectors][kMaxRows];
  // dst[i * dst_stride + j] = src[i * src_stride + j] for i < rows, j < columns; zeros for columns <= j < dst_stride.
  void (*copy_rows)(const float* src, std::ptrdiff_t src_stride, std::ptrdiff_t rows, std::ptrdiff_t columns, float* dst,
                    std::ptrdiff_t dst_stride);
  // dst[j * dst_stride + i] = src[i * src_stride + j] for i < rows, j < columns.
  void (*transpose)(const float* src, std::ptrdiff_t src_stride, std::ptrdiff_t rows, std::ptrdiff_t columns, float* dst,
                    std::ptrdiff_t dst_stride);

  std::ptrdiff_t panel_width() const { return lanes * kMaxVectors; }
};

// Of the best instruction set of this processor.
const GemmIsa& gemm_isa();

}  // namespace tutti::native
