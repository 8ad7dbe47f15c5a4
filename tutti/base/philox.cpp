#include "tutti/base/philox.h"

#include <cmath>
#include <numbers>

namespace tutti {

double Philox::normal(std::uint64_t index) const {
  // (0, 1], so that the logarithm is finite.
  const double u = (static_cast<double>(word(2 * index)) + 1.0) * 0x1p-32;
  const double v = static_cast<double>(word(2 * index + 1)) * 0x1p-32;
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

std::uint32_t stream_of(const char* name) {
  std::uint32_t hash = 2166136261u;
  for (; *name; ++name) hash = (hash ^ static_cast<unsigned char>(*name)) * 16777619u;
  return hash;
}

}  // namespace tutti
