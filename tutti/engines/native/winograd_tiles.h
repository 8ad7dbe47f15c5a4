// How the tiles of a Winograd convolution are numbered, found in an image and blocked.
#pragma once

#include <array>

#include "tutti/engines/native/isa/winograd.h"
#include "tutti/engines/native/winograd.h"

namespace tutti::native {

// Floats that the transformed tiles of a block may take: with the transformed kernel they stay in an L2 cache of 1 to 2 MiB.
inline constexpr std::int64_t kWinogradBlockFloats = 160 * 1024;
// Fewer tiles would not fill the rows of the register tiles.
inline constexpr std::int64_t kWinogradMinTiles = 14;

// Tiles of a block for channels padded to whole vectors.
inline std::int64_t winograd_block(std::int64_t c_in, std::int64_t c_out) {
  return std::max(kWinogradMinTiles, kWinogradBlockFloats / (kWinogradPoints * (c_in + c_out)));
}

// Floats from one point of `tiles` transformed tiles to the next: one cache line more than they take, so that the 36 lines of a
// tile, written together, do not fall on the same cache sets.
inline std::int64_t winograd_stride(std::int64_t tiles, std::int64_t channels) { return tiles * channels + 16; }

struct WinogradTile {
  std::int64_t image, row, column;  // of its first output pixel

  WinogradTile(const WinogradShape& shape, std::int64_t index)
      : image(index / (shape.tiles_h() * shape.tiles_w())),
        row(index / shape.tiles_w() % shape.tiles_h() * kWinogradOut),
        column(index % shape.tiles_w() * kWinogradOut) {}
};

// The Size x Size pixels of `image` (h, w, c) from (row, column) on; `outside` where there is none.
template <int Size>
std::array<const float*, Size * Size> pixels_of(const float* image, std::int64_t h, std::int64_t w, std::int64_t c,
                                                std::int64_t row, std::int64_t column, const float* outside) {
  std::array<const float*, Size * Size> pixels;
  for (int i = 0; i < Size; ++i) {
    const bool row_inside = row + i >= 0 && row + i < h;
    const float* line = image + ((row + i) * w + column) * c;
    for (int j = 0; j < Size; ++j) {
      const bool inside = row_inside && column + j >= 0 && column + j < w;
      pixels[static_cast<std::size_t>(i * Size + j)] = inside ? line + j * c : outside;
    }
  }
  return pixels;
}

}  // namespace tutti::native
