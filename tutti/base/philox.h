// Counter-based random numbers: the value depends only on (seed, stream, step, index), so every
// engine and every resumed run draws the same ones.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), Philox4x32-10.
#pragma once

#include <array>
#include <cstdint>

namespace tutti {

// One block of four random 32-bit words.
inline std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

// A stream of random numbers addressed by index. Word i is word i % 4 of block i / 4, and block b is
// philox4x32({b, stream, step low, step high}, {seed low, seed high}).
class Philox {
 public:
  Philox(std::uint64_t seed, std::uint32_t stream, std::uint64_t step = 0)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}, stream_(stream), step_(step) {}

  std::array<std::uint32_t, 4> block(std::uint32_t index) const {
    return philox4x32({index, stream_, static_cast<std::uint32_t>(step_), static_cast<std::uint32_t>(step_ >> 32)}, key_);
  }
  // Random access: computes a whole block for one word.
  std::uint32_t word(std::uint64_t index) const { return block(static_cast<std::uint32_t>(index / 4))[index % 4]; }
  // Uniform in [0, 1) with 24 bits.
  float uniform(std::uint64_t index) const { return static_cast<float>(word(index) >> 8) * 0x1p-24f; }
  // Uniform integer in [0, bound), by multiplication (bias below bound / 2^32).
  std::uint32_t below(std::uint64_t index, std::uint32_t bound) const {
    return static_cast<std::uint32_t>((std::uint64_t{word(index)} * bound) >> 32);
  }
  // Standard normal by Box-Muller from words 2 * index and 2 * index + 1.
  double normal(std::uint64_t index) const;

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint32_t stream_;
  std::uint64_t step_;
};

// A stream number from a name ("dropout_1"): FNV-1a, so it does not depend on the order of construction.
std::uint32_t stream_of(const char* name);

}  // namespace tutti
