// Vectorised loops over the channels of pixels: pooling windows and depthwise convolution.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tutti/engines/native/isa/gemm.h"

namespace tutti::native {

// The cells of a pooling window that lie inside an image of row width w: rows and columns [begin, end).
struct PoolWindow {
  std::int64_t row_begin, row_end, column_begin, column_end, w;
};

// A run of output pixels of a depthwise convolution: y[p][c] = bias[c] + sum over taps of x[p * x_step + tap.offset + c] *
// weights[tap][c].
struct DepthwiseRun {
  const float* x;
  std::int64_t x_step;
  const Tap* taps;
  std::int64_t tap_count;
  const float* weights;  // (taps, channels)
  const float* bias;     // or null
  float* y;
  std::int64_t y_step, pixels, channels;
};

struct PixelsIsa {
  // Over the window in image x (h, w, c): largest value and where it is, row * w + column.
  void (*max_pool)(const float* x, const PoolWindow& window, std::int64_t c, float* y, std::int32_t* argmax);
  // Adds dy to the cell that argmax names; or, if `store`, sets all cells of the window.
  void (*max_pool_grad)(const float* dy, const std::int32_t* argmax, const PoolWindow& window, std::int64_t c, bool store,
                        float* dx);
  void (*average_pool)(const float* x, const PoolWindow& window, std::int64_t c, float* y);
  void (*average_pool_grad)(const float* dy, const PoolWindow& window, std::int64_t c, bool store, float* dx);
  void (*depthwise)(const DepthwiseRun& run);
  // dweights[tap][c] += sum over pixels of x[p * x_step + tap.offset + c] * dy[p * y_step + c]; weights, bias and y
  // of the run are not used.
  void (*depthwise_grad)(const DepthwiseRun& run, const float* dy, float* dweights);
};

const PixelsIsa& pixels_isa();

}  // namespace tutti::native
