#include <cstring>

#include "tutti/engines/onednn/loops.h"

namespace tutti::onednn {
namespace {

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

TUTTI_ONEDNN_INLINE void take_first(std::int64_t count, std::int32_t cell, const float* x, float* best, std::int32_t* place) {
  TUTTI_ONEDNN_INDEPENDENT
  for (std::int64_t i = 0; i < count; ++i) {
    best[i] = x[i];
    place[i] = cell;
  }
}

// A larger value wins, and so does the first NaN.
TUTTI_ONEDNN_INLINE void take_larger(std::int64_t count, std::int32_t cell, const float* x, float* best, std::int32_t* place) {
  TUTTI_ONEDNN_INDEPENDENT
  for (std::int64_t i = 0; i < count; ++i) {
    const bool loses = (x[i] <= best[i]) | (best[i] != best[i]);
    best[i] = loses ? best[i] : x[i];
    place[i] = loses ? place[i] : cell;
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
      for (std::int64_t h = cells.h_0; h < cells.h_1; ++h) {
        for (std::int64_t w = cells.w_0; w < cells.w_1; ++w) {
          const std::int64_t cell = h * image.w + w;
          const auto place = static_cast<std::int32_t>(cell);
          if (h == cells.h_0 && w == cells.w_0)
            take_first(block, place, x + cell * block, y + at, argmax + at);
          else
            take_larger(block, place, x + cell * block, y + at, argmax + at);
        }
      }
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
