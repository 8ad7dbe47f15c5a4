// One sweep of a window over images: what a convolution is, and the gradient of its input, once for each phase of the stride.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "tutti/engines/native/isa/gemm.h"
#include "tutti/graph/op.h"

namespace tutti::native {

// Taps [first, last) of a pass, and how many rows of the weights precede theirs.
struct TapRange {
  std::int64_t first, last, depth;
};

// A cell of the window, relative to source row i * step_h and column j * step_w of output position (i, j).
struct WindowCell {
  std::int64_t row, column;
  std::int64_t kernel_index;  // k_h index * k_w + k_w index: which slice of the kernel weighs it
};

// dst(i, j) = bias + sum over cells, channels of src(i * step_h + row, j * step_w + column) * weights, zeros outside the image.
struct WindowPass {
  std::int64_t images = 0;
  std::int64_t src_h = 0, src_w = 0, src_c = 0;
  std::int64_t rows = 0, columns = 0;                        // of output positions
  std::int64_t step_h = 1, step_w = 1;                       // source cells from one position to the next
  std::int64_t dst_image = 0;                                // floats of an image of dst
  std::int64_t dst_offset = 0, dst_row = 0, dst_column = 0;  // floats to the first position, from row to row, column to column
  std::int64_t groups = 1;
  std::int64_t group_in = 0, group_out = 0;  // channels of one group
  std::vector<WindowCell> cells;             // sorted by row, then column
  std::vector<Tap> taps;                     // finish() makes them of the cells, each within one row
  std::vector<std::int64_t> tap_rows;        // the cells' row of each tap

  // The part of the source that a block of rows sees; rows and columns may lie outside the image.
  std::int64_t first_row = 0, last_row = 0, first_column = 0, last_column = 0;
  std::int64_t pitch = 0;  // cells from one source row to the next, in the image or in its padded copy
  bool padded = false;     // the window leaves the image sideways: blocks are copied with zeros left and right

  // Fills the derived fields.
  void finish();
  std::int64_t depth() const { return static_cast<std::int64_t>(cells.size()) * group_in; }
  // Source rows that `count` output rows see.
  std::int64_t seen_rows(std::int64_t count) const { return (count - 1) * step_h + last_row - first_row + 1; }
  // The taps that output row `row` has inside the image: what lies above or below is skipped, not multiplied by zero.
  TapRange taps_inside(std::int64_t row) const;
  // Output rows of [begin, end) at which a tap lies inside the image.
  std::pair<std::int64_t, std::int64_t> rows_inside(std::size_t tap, std::int64_t begin, std::int64_t end) const;
  // The source as seen from output row `row` on: the image itself, or a padded copy in this thread's scratch. Rows outside the
  // image hold garbage, or nothing at all.
  const float* source(const float* image, std::int64_t row, std::int64_t count) const;
};

// The sweep of a convolution over its input (n, h, w, c_in).
WindowPass conv_pass(const op::ConvAttributes& attributes, const Shape& x, const Shape& kernel, const Shape& y);
// The sweeps over dy that give dx, one for each residue of the row and column by the stride: each sees only the kernel cells
// that ever meet it, so no product with an inserted zero is computed.
std::vector<WindowPass> input_grad_passes(const op::ConvAttributes& attributes, const Shape& dx, const Shape& kernel,
                                          const Shape& dy);

// Output rows that make one unit of work.
std::int64_t rows_per_block(const WindowPass& pass, std::int64_t threads);

}  // namespace tutti::native
