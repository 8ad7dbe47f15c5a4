// The transforms of Winograd's convolution F(4 x 4, 3 x 3): 6 x 6 numbers z make 4 x 4 outputs of a 3 x 3 window.
//   Y = A^T [(G g G^T) * (B^T d B)] A     source: Lavin and Gray, "Fast algorithms for convolutional neural networks" (2015)
// with the points 0, +-sqrt(1/2), +-sqrt(2), infinity, whose error is about half of that of 0, +-1, +-2.
// A transformed tile is 36 lines of channels, `stride` floats apart.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tutti::native {

inline constexpr int kWinogradOut = 4, kWinogradIn = 6, kWinogradPoints = 36;

// Where the 4 x 4 outputs of a tile go.
struct WinogradOutput {
  const float* m;  // transformed, whole vectors of channels
  std::ptrdiff_t stride;
  float* y;  // the first pixel; channels side by side
  std::ptrdiff_t row_stride, pixel_stride;
  int rows, columns;  // of the tile that lie inside the image
  const float* bias;  // one value a channel, or null
  bool relu;          // y = max(y, 0)
  const float* gate;  // or null; laid out as y: y = 0 where the gate is not above 0 (the gradient of relu)
  std::ptrdiff_t channels;
};

// How a 2 x 2 pooling window was decided: which of its cells won, in scan order, or that no gradient passes: because the
// largest value is not above 0 (relu), or dropout took it.
inline constexpr std::uint8_t kPoolClosed = 4;

// Where the 2 x 2 pooled outputs of a tile go: y = dropout(max_pool(relu(Y + bias))).
struct WinogradPooledOutput {
  const float* m;  // transformed, whole vectors of channels
  std::ptrdiff_t stride;
  float* y;            // the first pixel; channels side by side
  std::uint8_t* code;  // or null; laid out as y. If `drops` it holds dropout's mask before.
  bool drops;
  float scale;  // of what dropout keeps
  std::ptrdiff_t row_stride, pixel_stride;
  int rows, columns;  // of the pooled tile that lie inside the image
  const float* bias;  // one value a channel, or null
  std::ptrdiff_t channels;
};

// Pooled windows of a tile, row by row.
struct WinogradWindows {
  const float* const* dy;
  const std::uint8_t* const* code;
  float scale;
  std::ptrdiff_t channels;
};

struct WinogradIsa {
  std::ptrdiff_t lanes;
  // v = B^T d B; d: 36 pixels of `channels` floats. Writes whole vectors.
  void (*input)(const float* const* d, std::ptrdiff_t channels, float* v, std::ptrdiff_t stride);
  // u = G g G^T; g: 9 lines of `channels` floats. Writes whole vectors.
  void (*kernel)(const float* const* g, std::ptrdiff_t channels, float* u, std::ptrdiff_t stride);
  // Y = A^T m A
  void (*output)(const WinogradOutput& output);
  void (*pooled_output)(const WinogradPooledOutput& output);
  // The gradient of pooled_output() before the bias: two rows (2 * pixels, channels) of dy (pixels, channels) * scale.
  void (*unpool)(const float* dy, const std::uint8_t* code, std::ptrdiff_t pixels, std::ptrdiff_t channels, float scale,
                 float* top, float* bottom);
  // v = A dy A^T; dy: 16 pixels of `channels` floats. Writes whole vectors; adds the sum of the pixels to `sums`.
  void (*output_grad)(const float* const* dy, std::ptrdiff_t channels, float* v, std::ptrdiff_t stride, float* sums);
  // The same of pixels that pooled_output() has pooled, in windows of 2 x 2: dy * scale in the cell that won, zeros in the
  // others. dy, code: lines of `channels` values, a window each. unpooled_input: 3 x 3 windows whose first pixel is the tile's,
  // or, at index 1, 4 x 4 windows whose first pixel is above and left of it. unpooled_output_grad: 2 x 2 windows.
  void (*unpooled_input[2])(const WinogradWindows& windows, float* v, std::ptrdiff_t stride);
  void (*unpooled_output_grad)(const WinogradWindows& windows, float* v, std::ptrdiff_t stride, float* sums);
  // g = G^T m G; g: 9 lines of `channels` floats.
  void (*kernel_grad)(const float* m, std::ptrdiff_t stride, std::ptrdiff_t channels, float* const* g);
};

// Of the best instruction set of this processor.
const WinogradIsa& winograd_isa();

}  // namespace tutti::native
