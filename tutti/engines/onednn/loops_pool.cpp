#include <cstring>

#include "tutti/engines/onednn/loops.h"

namespace tutti::onednn {
namespace {

// Channels that are handled together: their best values and places stay in registers.
constexpr int kLanes = 16;

// The cells of a window that lie inside the image: rows [h_0, h_1), columns [w_0, w_1).
struct Cells {
  std::int64_t h_0, h_1, w_0, w_1;
};

TUTTI_ONEDNN_INLINE Cells cells_of(const op::PoolAttributes& pool, const ImageLayout& image, std::int64_t o_h,
                                   std::int64_t o_w) {
  const std::int64_t top = o_h * pool.strides[0] - pool.padding.top, left = o_w * pool.strides[1] - pool.padding.left;
  return {std::max<std::int64_t>(top, 0), std::min<std::int64_t>(top + pool.window[0], image.h),
          std::max<std::int64_t>(left, 0), std::min<std::int64_t>(left + pool.window[1], image.w)};
}

template <int lanes>
TUTTI_ONEDNN_INLINE void max_of_window(const Cells& cells, std::int64_t width, std::int64_t block, const float* x, float* y,
                                       std::int32_t* argmax) {
  float best[lanes];
  std::int32_t place[lanes];
  const std::int64_t first = cells.h_0 * width + cells.w_0;
  for (int i = 0; i < lanes; ++i) {
    best[i] = x[first * block + i];
    place[i] = static_cast<std::int32_t>(first);
  }
  for (std::int64_t h = cells.h_0; h < cells.h_1; ++h) {
    for (std::int64_t w = cells.w_0; w < cells.w_1; ++w) {
      const std::int64_t cell = h * width + w;
      for (int i = 0; i < lanes; ++i) {
        const float value = x[cell * block + i];
        // A larger value, or the first NaN.
        const bool wins = !(value <= best[i]) & (best[i] == best[i]);
        best[i] = wins ? value : best[i];
        place[i] = wins ? static_cast<std::int32_t>(cell) : place[i];
      }
    }
  }
  for (int i = 0; i < lanes; ++i) {
    y[i] = best[i];
    argmax[i] = place[i];
  }
}

// One plane (h, w, block) of the image.
TUTTI_ONEDNN_CLONES
void max_pool_plane(const op::PoolAttributes& pool, const ImageLayout& image, const ImageLayout& pooled, const float* x,
                    float* y, std::int32_t* argmax) {
  const std::int64_t block = image.block;
  for (std::int64_t o_h = 0; o_h < pooled.h; ++o_h) {
    for (std::int64_t o_w = 0; o_w < pooled.w; ++o_w) {
      const Cells cells = cells_of(pool, image, o_h, o_w);
      const std::int64_t at = (o_h * pooled.w + o_w) * block;
      std::int64_t c = 0;
      for (; c + kLanes <= block; c += kLanes) max_of_window<kLanes>(cells, image.w, block, x + c, y + at + c, argmax + at + c);
      for (; c < block; ++c) max_of_window<1>(cells, image.w, block, x + c, y + at + c, argmax + at + c);
    }
  }
}

// Windows that meet no other write each cell once; otherwise the cells add up.
template <bool overlap>
TUTTI_ONEDNN_INLINE void spread(std::int64_t count, std::int32_t cell, const float* dy, const std::int32_t* argmax, float* dx) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float gradient = argmax[i] == cell ? dy[i] : 0.0f;
    dx[i] = overlap ? dx[i] + gradient : gradient;
  }
}

template <bool overlap>
TUTTI_ONEDNN_INLINE void spread_plane(const op::PoolAttributes& pool, const ImageLayout& image, const ImageLayout& pooled,
                                      const float* dy, const std::int32_t* argmax, float* dx) {
  const std::int64_t block = image.block;
  for (std::int64_t o_h = 0; o_h < pooled.h; ++o_h) {
    for (std::int64_t o_w = 0; o_w < pooled.w; ++o_w) {
      const Cells cells = cells_of(pool, image, o_h, o_w);
      const std::int64_t at = (o_h * pooled.w + o_w) * block;
      for (std::int64_t h = cells.h_0; h < cells.h_1; ++h) {
        for (std::int64_t w = cells.w_0; w < cells.w_1; ++w) {
          const std::int64_t cell = h * image.w + w;
          spread<overlap>(block, static_cast<std::int32_t>(cell), dy + at, argmax + at, dx + cell * block);
        }
      }
    }
  }
}

TUTTI_ONEDNN_CLONES
void spread_overlapping(const op::PoolAttributes& pool, const ImageLayout& image, const ImageLayout& pooled, const float* dy,
                        const std::int32_t* argmax, float* dx) {
  spread_plane<true>(pool, image, pooled, dy, argmax, dx);
}

TUTTI_ONEDNN_CLONES
void spread_apart(const op::PoolAttributes& pool, const ImageLayout& image, const ImageLayout& pooled, const float* dy,
                  const std::int32_t* argmax, float* dx) {
  spread_plane<false>(pool, image, pooled, dy, argmax, dx);
}

// True if some cell of the image lies in no window.
bool leaves_gaps(const op::PoolAttributes& pool, const ImageLayout& image, const ImageLayout& pooled) {
  return pool.strides[0] > pool.window[0] || pool.strides[1] > pool.window[1] ||
         (pooled.h - 1) * pool.strides[0] - pool.padding.top + pool.window[0] < image.h ||
         (pooled.w - 1) * pool.strides[1] - pool.padding.left + pool.window[1] < image.w;
}

}  // namespace

void max_pool(const op::PoolAttributes& pool, const ImageLayout& x_layout, const ImageLayout& y_layout, const float* x,
              float* y, std::int32_t* argmax) {
  const std::int64_t plane = x_layout.h * x_layout.w * x_layout.block, o_plane = y_layout.h * y_layout.w * y_layout.block;
  for_ranges(x_layout.n * x_layout.blocks, kGrain / plane + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      max_pool_plane(pool, x_layout, y_layout, x + i * plane, y + i * o_plane, argmax + i * o_plane);
  });
}

void max_pool_grad(const op::PoolAttributes& pool, const ImageLayout& x_layout, const ImageLayout& y_layout, const float* dy,
                   const std::int32_t* argmax, float* dx) {
  const std::int64_t plane = x_layout.h * x_layout.w * x_layout.block, o_plane = y_layout.h * y_layout.w * y_layout.block;
  const bool overlap = pool.strides[0] < pool.window[0] || pool.strides[1] < pool.window[1];
  const bool clear = overlap || leaves_gaps(pool, x_layout, y_layout);
  for_ranges(x_layout.n * x_layout.blocks, kGrain / plane + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (clear) std::memset(dx + i * plane, 0, static_cast<std::size_t>(plane) * sizeof(float));
      const auto spread_one = overlap ? spread_overlapping : spread_apart;
      spread_one(pool, x_layout, y_layout, dy + i * o_plane, argmax + i * o_plane, dx + i * plane);
    }
  });
}

}  // namespace tutti::onednn
