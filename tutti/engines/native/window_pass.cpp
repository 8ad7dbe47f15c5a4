#include "tutti/engines/native/window_pass.h"

#include <algorithm>

#include "tutti/engines/native/kernels.h"

namespace tutti::native {

void WindowPass::finish() {
  if (cells.empty()) return;  // no cell meets these positions: they get the bias alone
  std::sort(cells.begin(), cells.end(),
            [](const WindowCell& a, const WindowCell& b) { return std::pair(a.row, a.column) < std::pair(b.row, b.column); });
  const auto [low, high] = std::minmax_element(cells.begin(), cells.end(),
                                               [](const WindowCell& a, const WindowCell& b) { return a.column < b.column; });
  first_row = cells.front().row, last_row = cells.back().row;
  first_column = low->column, last_column = high->column;
  padded = first_column < 0 || (columns - 1) * step_w + last_column >= src_w;
  pitch = padded ? (columns - 1) * step_w + last_column - first_column + 1 : src_w;
  for (const WindowCell& cell : cells) {
    const std::int64_t offset = ((cell.row - first_row) * pitch + cell.column - first_column) * src_c;
    if (!taps.empty() && tap_rows.back() == cell.row && taps.back().offset + taps.back().length == offset) {
      taps.back().length += group_in;  // neighbours in the image: one longer run
    } else {
      taps.push_back({offset, group_in});
      tap_rows.push_back(cell.row);
    }
  }
}

TapRange WindowPass::taps_inside(std::int64_t row) const {
  const auto count = static_cast<std::int64_t>(taps.size());
  const auto source_row = [&](std::int64_t tap) { return row * step_h + tap_rows[static_cast<std::size_t>(tap)]; };
  TapRange range{0, count, 0};
  for (; range.first < count && source_row(range.first) < 0; ++range.first)
    range.depth += taps[static_cast<std::size_t>(range.first)].length;
  while (range.last > range.first && source_row(range.last - 1) >= src_h) --range.last;
  return range;
}

std::pair<std::int64_t, std::int64_t> WindowPass::rows_inside(std::size_t tap, std::int64_t begin, std::int64_t end) const {
  while (begin < end && begin * step_h + tap_rows[tap] < 0) ++begin;
  while (begin < end && (end - 1) * step_h + tap_rows[tap] >= src_h) --end;
  return {begin, end};
}

const float* WindowPass::source(const float* image, std::int64_t row, std::int64_t count) const {
  const std::int64_t top = row * step_h + first_row;
  if (!padded) return image + (top * src_w + first_column) * src_c;
  const std::int64_t seen = seen_rows(count);
  float* copy = thread_scratch(Scratch::kImage, seen * pitch * src_c);
  const std::int64_t left = std::clamp<std::int64_t>(-first_column, 0, pitch);
  const std::int64_t inside = std::clamp<std::int64_t>(src_w - std::max<std::int64_t>(0, first_column), 0, pitch - left);
  for (std::int64_t i = std::max<std::int64_t>(0, -top); i < std::min(seen, src_h - top); ++i) {
    float* line = copy + i * pitch * src_c;
    const float* from = image + ((top + i) * src_w + std::max<std::int64_t>(0, first_column)) * src_c;
    std::fill_n(line, left * src_c, 0.0f);
    std::copy_n(from, inside * src_c, line + left * src_c);
    std::fill(line + (left + inside) * src_c, line + pitch * src_c, 0.0f);
  }
  return copy;
}

WindowPass conv_pass(const ConvAttributes& attributes, const Shape& x, const Shape& kernel, const Shape& y) {
  WindowPass pass;
  pass.images = x[0], pass.src_h = x[1], pass.src_w = x[2], pass.src_c = x[3];
  pass.rows = y[1], pass.columns = y[2];
  pass.step_h = attributes.strides[0], pass.step_w = attributes.strides[1];
  pass.dst_image = y[1] * y[2] * y[3], pass.dst_row = y[2] * y[3], pass.dst_column = y[3];
  pass.groups = attributes.groups;
  pass.group_in = kernel[2], pass.group_out = kernel[3] / attributes.groups;
  for (std::int64_t i = 0; i < kernel[0]; ++i)
    for (std::int64_t j = 0; j < kernel[1]; ++j)
      pass.cells.push_back({i * attributes.dilations[0] - attributes.padding.top,
                            j * attributes.dilations[1] - attributes.padding.left, i * kernel[1] + j});
  pass.finish();
  return pass;
}

std::vector<WindowPass> input_grad_passes(const ConvAttributes& attributes, const Shape& dx, const Shape& kernel,
                                          const Shape& dy) {
  const auto [stride_h, stride_w] = attributes.strides;
  std::vector<WindowPass> passes;
  // dx(h, w) takes dy(o) times kernel(i) where h + top = o * stride + i * dilation, so the positions h = first, first + stride,
  // ... all see o = h / stride + constant for the i that make the division exact.
  for (std::int64_t first_h = 0; first_h < std::min<std::int64_t>(stride_h, dx[1]); ++first_h)
    for (std::int64_t first_w = 0; first_w < std::min<std::int64_t>(stride_w, dx[2]); ++first_w) {
      WindowPass pass;
      pass.images = dx[0], pass.src_h = dy[1], pass.src_w = dy[2], pass.src_c = dy[3];
      pass.rows = ceil_div(dx[1] - first_h, stride_h), pass.columns = ceil_div(dx[2] - first_w, stride_w);
      pass.dst_image = dx[1] * dx[2] * dx[3];
      pass.dst_offset = (first_h * dx[2] + first_w) * dx[3];
      pass.dst_row = stride_h * dx[2] * dx[3], pass.dst_column = stride_w * dx[3];
      pass.groups = attributes.groups;
      pass.group_in = kernel[3] / attributes.groups, pass.group_out = kernel[2];
      for (std::int64_t i = 0; i < kernel[0]; ++i)
        for (std::int64_t j = 0; j < kernel[1]; ++j) {
          const std::int64_t row = first_h + attributes.padding.top - i * attributes.dilations[0];
          const std::int64_t column = first_w + attributes.padding.left - j * attributes.dilations[1];
          if (row % stride_h == 0 && column % stride_w == 0)
            pass.cells.push_back({row / stride_h, column / stride_w, i * kernel[1] + j});
        }
      pass.finish();
      passes.push_back(std::move(pass));
    }
  return passes;
}

std::int64_t rows_per_block(const WindowPass& pass, std::int64_t threads) {
  // Half of a small L2 cache (256 KiB) for the source rows; the rest is for the weights.
  constexpr std::int64_t kSourceFloats = 32768;
  // Blocks a thread should get at least, so that an uneven last one costs little.
  constexpr std::int64_t kBlocksPerThread = 4;
  const std::int64_t row_floats = std::max<std::int64_t>(1, pass.step_h * pass.pitch * pass.src_c);
  const std::int64_t by_cache = std::max<std::int64_t>(4, kSourceFloats / row_floats);
  const std::int64_t wanted_blocks = ceil_div(kBlocksPerThread * threads, std::max<std::int64_t>(1, pass.images));
  const std::int64_t by_threads = ceil_div(pass.rows, wanted_blocks);
  return std::clamp<std::int64_t>(std::min(by_cache, by_threads), 1, pass.rows);
}

}  // namespace tutti::native
