// How the tiles of a Winograd convolution are numbered, found in an image and blocked.
#pragma once

#include <array>

#include "tutti/engines/native/isa/winograd.h"
#include "tutti/engines/native/winograd.h"

namespace tutti::native {

// How transformed tiles lie in memory: [chunk of tiles][point][tile of the chunk][channel]. A chunk is what a register tile
// multiplies at once; its points lie near each other, as they are written together.
struct WinogradLayout {
  std::int64_t chunk;     // tiles
  std::int64_t channels;  // padded to whole vectors

  // One cache line more than the tiles take, so that the 36 lines of a tile do not fall on the same cache sets.
  std::int64_t point_stride() const { return chunk * channels + 16; }
  std::int64_t chunk_stride() const { return kWinogradPoints * point_stride(); }
  std::int64_t floats(std::int64_t tiles) const { return ceil_div(tiles, chunk) * chunk_stride(); }
  // Of the first point of a tile.
  std::int64_t offset(std::int64_t tile) const { return tile / chunk * chunk_stride() + tile % chunk * channels; }
};

// Chunks of a block whose transformed tiles, of so many channels before and after the product together, take `floats`.
inline std::int64_t winograd_block(std::int64_t chunk, std::int64_t channels, std::int64_t floats) {
  return std::max<std::int64_t>(1, floats / (kWinogradPoints * channels * chunk));
}

inline std::int64_t whole_vectors(std::int64_t channels) {
  return ceil_div(channels, winograd_isa().lanes) * winograd_isa().lanes;
}

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

// Size x Size pooled windows of an image, from (row, column) of them on; zeros where there is none.
template <int Size>
struct Windows {
  std::array<const float*, Size * Size> dy;
  std::array<const std::uint8_t*, Size * Size> code;

  // `outside`: zeros for all of the `c` channels.
  Windows(const WinogradPooledGrad& grad, std::int64_t image, std::int64_t c, std::int64_t row, std::int64_t column,
          const float* outside) {
    for (int i = 0; i < Size; ++i) {
      for (int j = 0; j < Size; ++j) {
        const bool inside = row + i >= 0 && row + i < grad.h && column + j >= 0 && column + j < grad.w;
        const std::int64_t at = ((image * grad.h + row + i) * grad.w + column + j) * c;
        dy[static_cast<std::size_t>(i * Size + j)] = inside ? grad.dy + at : outside;
        // Which of four zeros would have won does not matter.
        code[static_cast<std::size_t>(i * Size + j)] = inside ? grad.code + at : reinterpret_cast<const std::uint8_t*>(outside);
      }
    }
  }
};

}  // namespace tutti::native
