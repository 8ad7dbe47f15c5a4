#include "tutti/base/philox.h"
#include "tutti/engines/onednn/loops.h"

namespace tutti::onednn {
namespace {

// Philox blocks that are computed together, and their words. With fewer, GCC 12 unrolls the loops over them before it could
// vectorise them.
constexpr int kBlocks = 64, kWords = 4 * kBlocks;

struct Mask {
  std::uint32_t stream, step_low, step_high, seed_low, seed_high;
  std::uint32_t threshold;
  float scale;
};

Mask mask_of(const op::Dropout& dropout, std::uint64_t step) {
  return {dropout.stream,
          static_cast<std::uint32_t>(step),
          static_cast<std::uint32_t>(step >> 32),
          static_cast<std::uint32_t>(dropout.seed),
          static_cast<std::uint32_t>(dropout.seed >> 32),
          op::dropout_threshold(dropout.rate),
          static_cast<float>(1.0 / (1.0 - dropout.rate))};
}

// The words of the blocks with these indices: philox4x32 of base/philox.h, all lanes in step.
TUTTI_ONEDNN_INLINE void draw_words(const Mask& mask, const std::uint32_t* indices, std::uint32_t* words) {
  std::uint32_t c0[kBlocks], c1[kBlocks], c2[kBlocks], c3[kBlocks];
  for (int i = 0; i < kBlocks; ++i) {
    c0[i] = indices[i];
    c1[i] = mask.stream;
    c2[i] = mask.step_low;
    c3[i] = mask.step_high;
  }
  std::uint32_t key0 = mask.seed_low, key1 = mask.seed_high;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kBlocks; ++i) {
      const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * c0[i];
      const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * c2[i];
      c0[i] = static_cast<std::uint32_t>(product1 >> 32) ^ c1[i] ^ key0;
      c1[i] = static_cast<std::uint32_t>(product1);
      c2[i] = static_cast<std::uint32_t>(product0 >> 32) ^ c3[i] ^ key1;
      c3[i] = static_cast<std::uint32_t>(product0);
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  for (int i = 0; i < kBlocks; ++i) {
    words[4 * i] = c0[i];
    words[4 * i + 1] = c1[i];
    words[4 * i + 2] = c2[i];
    words[4 * i + 3] = c3[i];
  }
}

// y may be null. Stores to `kept` may hit any object, so what they could change is read before.
TUTTI_ONEDNN_INLINE void keep(std::uint32_t threshold, float scale, const std::uint32_t* words, std::int64_t count,
                              const float* x, float* y, std::uint8_t* kept) {
  for (std::int64_t i = 0; i < count; ++i) kept[i] = words[i] >= threshold;
  if (!y) return;
  TUTTI_ONEDNN_INDEPENDENT
  for (std::int64_t i = 0; i < count; ++i) y[i] = words[i] >= threshold ? x[i] * scale : 0.0f;
}

// Elements [begin, end) in row-major order, begin a multiple of kWords. x and y may both be null: only the mask.
TUTTI_ONEDNN_CLONES
void drop_row_major(const Mask& how, std::int64_t begin, std::int64_t end, const float* x, float* y, std::uint8_t* kept) {
  const Mask mask = how;
  std::uint32_t indices[kBlocks], words[kWords];
  for (std::int64_t at = begin; at < end; at += kWords) {
    for (int i = 0; i < kBlocks; ++i) indices[i] = static_cast<std::uint32_t>(at / 4 + i);
    draw_words(mask, indices, words);
    const std::int64_t words_left = std::min<std::int64_t>(kWords, end - at);
    keep(mask.threshold, mask.scale, words, words_left, x + at, y ? y + at : nullptr, kept + at);
  }
}

// One plane (h, w, block) of a blocked image whose first element is element `first` in row-major order.
TUTTI_ONEDNN_CLONES
void drop_plane(const Mask& how, const ImageLayout& image, std::int64_t first, const float* x, float* y, std::uint8_t* kept) {
  const std::int64_t channels = image.channels(), count = image.h * image.w * image.block;
  const std::int64_t blocks_of_pixel = image.block / 4;
  const Mask mask = how;
  std::uint32_t indices[kBlocks], words[kWords];
  for (std::int64_t at = 0; at < count; at += kWords) {
    const std::int64_t pixel = at / image.block;
    for (int i = 0; i < kBlocks; ++i) {
      const std::int64_t start = first + (pixel + i / blocks_of_pixel) * channels;
      indices[i] = static_cast<std::uint32_t>(start / 4 + i % blocks_of_pixel);
    }
    draw_words(mask, indices, words);
    const std::int64_t words_left = std::min<std::int64_t>(kWords, count - at);
    keep(mask.threshold, mask.scale, words, words_left, x + at, y + at, kept + at);
  }
}

TUTTI_ONEDNN_CLONES
void apply_mask_part(std::int64_t begin, std::int64_t end, float scale, const float* x, const std::uint8_t* mask, float* y) {
  for (std::int64_t i = begin; i < end; ++i) y[i] = mask[i] ? x[i] * scale : 0.0f;
}

void drop_all_row_major(const Mask& mask, std::int64_t count, const float* x, float* y, std::uint8_t* kept) {
  for_ranges((count + kWords - 1) / kWords, kGrain / 4 / kWords, [&](std::int64_t begin, std::int64_t end) {
    drop_row_major(mask, begin * kWords, std::min(end * kWords, count), x, y, kept);
  });
}

}  // namespace

void draw_mask(const op::Dropout& dropout, std::uint64_t step, std::int64_t count, std::uint8_t* mask) {
  drop_all_row_major(mask_of(dropout, step), count, nullptr, nullptr, mask);
}

void dropout(const op::Dropout& dropout, std::uint64_t step, const ImageLayout& layout, const float* x, float* y,
             std::uint8_t* mask) {
  const Mask how = mask_of(dropout, step);
  if (layout.blocks == 1) return drop_all_row_major(how, layout.elements(), x, y, mask);
  const std::int64_t pixels = layout.h * layout.w, plane = pixels * layout.block;
  for_ranges(layout.n * layout.blocks, kGrain / 4 / plane + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i / layout.blocks * pixels * layout.channels() + i % layout.blocks * layout.block;
      drop_plane(how, layout, first, x + i * plane, y + i * plane, mask + i * plane);
    }
  });
}

void apply_mask(std::int64_t count, double rate, const float* x, const std::uint8_t* mask, float* y) {
  const float scale = static_cast<float>(1.0 / (1.0 - rate));
  for_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) { apply_mask_part(begin, end, scale, x, mask, y); });
}

void apply_broadcast_mask(const std::array<std::int64_t, 4>& extents, const std::array<std::int64_t, 4>& mask_strides,
                          double rate, const float* x, const std::uint8_t* mask, float* y) {
  const float scale = static_cast<float>(1.0 / (1.0 - rate));
  const auto& [n, h, w, c] = extents;
  const std::int64_t columns = w, channels = c;
  for_ranges(n * h, kGrain / (w * c) + 1, [&, rows = h](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t column = 0; column < columns; ++column) {
        const std::uint8_t* kept =
            mask + row / rows * mask_strides[0] + row % rows * mask_strides[1] + column * mask_strides[2];
        const std::int64_t at = (row * columns + column) * channels;
        for (std::int64_t i = 0; i < channels; ++i) y[at + i] = kept[i * mask_strides[3]] ? x[at + i] * scale : 0.0f;
      }
    }
  });
}

}  // namespace tutti::onednn
