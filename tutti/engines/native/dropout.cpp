#include "tutti/engines/native/isa/elementwise.h"
#include "tutti/engines/native/isa/philox.h"
#include "tutti/engines/native/kernels.h"

namespace tutti::native {
namespace {

// Blocks of random words made at a time: 4 KiB of them stay in the L1 cache until they are compared.
constexpr std::int64_t kBlocks = 256;

// How the mask repeats over x, seen as (outer, repeats, inner): element (o, r, i) has mask element (o, i).
struct Repeat {
  std::int64_t outer = 1, repeats = 1, inner = 1;
};

// False if the mask's extents of 1 are no neighbours.
bool find_repeat(const Shape& x, const Shape& mask, Repeat& repeat) {
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (mask[axis] == 1 && x[axis] != 1) {
      if (repeat.inner > 1) return false;
      repeat.repeats *= x[axis];
    } else if (repeat.repeats > 1) {
      repeat.inner *= x[axis];
    } else {
      repeat.outer *= x[axis];
    }
  }
  // Nothing repeats: one long inner axis is the fast form.
  if (repeat.repeats == 1) repeat.inner = repeat.outer, repeat.outer = 1;
  return true;
}

void draw_mask(const Dropout& op, std::int64_t step, std::int64_t count, std::uint8_t* mask) {
  const PhiloxFunction philox = philox_function();
  const std::uint32_t threshold = dropout_threshold(op.rate);
  const auto bits = static_cast<std::uint64_t>(step);
  const std::array<std::uint32_t, 3> counter{op.stream, static_cast<std::uint32_t>(bits),
                                             static_cast<std::uint32_t>(bits >> 32)};
  const std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(op.seed), static_cast<std::uint32_t>(op.seed >> 32)};
  parallel_for(0, ceil_div(count, 4), kBlocks * 4, [&](std::int64_t begin, std::int64_t end) {
    std::array<std::uint32_t, 4 * kBlocks> words;
    for (std::int64_t block = begin; block < end; block += kBlocks) {
      const std::int64_t blocks = std::min(kBlocks, end - block);
      philox(counter, key, static_cast<std::uint32_t>(block), blocks, words.data());
      const std::int64_t kept = std::min(count, 4 * (block + blocks)) - 4 * block;
      for (std::int64_t i = 0; i < kept; ++i) mask[4 * block + i] = words[static_cast<std::size_t>(i)] >= threshold;
    }
  });
}

void apply_mask(const Repeat& repeat, const float* x, const std::uint8_t* mask, float scale, float* y) {
  const auto apply = elementwise_isa().mask;
  if (repeat.outer == 1 && repeat.repeats == 1) {
    return stream(repeat.inner,
                  [&](std::int64_t begin, std::int64_t end) { apply(x + begin, mask + begin, scale, y + begin, end - begin); });
  }
  parallel_for(0, repeat.outer * repeat.repeats, ceil_div(kStreamGrain, repeat.inner),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t row = begin; row < end; ++row)
                   apply(x + row * repeat.inner, mask + row / repeat.repeats * repeat.inner, scale, y + row * repeat.inner,
                         repeat.inner);
               });
}

constexpr const char* kOddMask = "a mask whose extents of 1 are no neighbours";

}  // namespace

Prepared prepare_op(const OpCall& call, const Dropout& op) {
  Repeat repeat;
  if (!find_repeat(call.inputs[0].shape, op.mask_shape, repeat)) return refuse(kOddMask);
  const auto scale = static_cast<float>(1 / (1 - op.rate));
  return ready([op, repeat, scale, count = op.mask_shape.elements()](Inputs in, Outputs out) {
    std::uint8_t* mask = out[1].as<std::uint8_t>();
    draw_mask(op, *in[1].as<std::int64_t>(), count, mask);
    apply_mask(repeat, in[0].as<float>(), mask, scale, out[0].as<float>());
  });
}

Prepared prepare_op(const OpCall& call, const DropoutGrad& op) {
  Repeat repeat;
  if (!find_repeat(call.inputs[0].shape, call.inputs[1].shape, repeat)) return refuse(kOddMask);
  const auto scale = static_cast<float>(1 / (1 - op.rate));
  return ready([repeat, scale](Inputs in, Outputs out) {
    apply_mask(repeat, in[0].as<float>(), in[1].as<std::uint8_t>(), scale, out[0].as<float>());
  });
}

}  // namespace tutti::native
