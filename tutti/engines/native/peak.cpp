// The yardstick: multiply-adds of the widest register tile on data that stay in the first level of cache.
#include <chrono>

#include "tutti/base/parallel.h"
#include "tutti/engines/engines.h"
#include "tutti/engines/native/isa/gemm.h"
#include "tutti/engines/native/isa/instruction_set.h"
#include "tutti/tensor/tensor.h"

namespace tutti {
namespace {

constexpr std::int64_t kDepth = 256, kRepeats = 50;

// kRepeats tiles of (rows, width), each a sum over kDepth.
void multiply_tiles(const native::GemmIsa& isa) {
  const std::int64_t rows = isa.max_rows, width = isa.panel_width(), pitch = kDepth + 16;
  const Tensor a(Shape{rows, pitch}), b(Shape{kDepth, width});
  Tensor c(Shape{rows, width});
  const native::Tap tap{0, kDepth};
  const native::DotTile tile{.a = a.data<float>().data(),
                             .a_row_stride = pitch,
                             .taps = &tap,
                             .tap_count = 1,
                             .b = b.data<float>().data(),
                             .b_row_stride = width,
                             .bias = nullptr,
                             .accumulate = true,
                             .c = c.data<float>().data(),
                             .c_row_stride = width,
                             .columns = width};
  for (std::int64_t i = 0; i < kRepeats; ++i) isa.dot[native::GemmIsa::kMaxVectors - 1][rows - 1](tile);
}

}  // namespace

double measure_peak_flops(double seconds) {
  using Clock = std::chrono::steady_clock;
  native::limit_instruction_set();
  const native::GemmIsa& isa = native::gemm_isa();
  const auto begin = Clock::now();
  double products = 0, passed = 0;
  do {
    parallel_for(0, num_threads(), 1, [&](std::int64_t first, std::int64_t last) {
      for (; first < last; ++first) multiply_tiles(isa);
    });
    products += static_cast<double>(num_threads() * kRepeats * isa.max_rows * isa.panel_width() * kDepth);
    passed = std::chrono::duration<double>(Clock::now() - begin).count();
  } while (passed < seconds);
  return 2 * products / passed;
}

}  // namespace tutti
