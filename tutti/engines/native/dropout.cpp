#include "tutti/engines/native/broadcast.h"
#include "tutti/engines/native/fused_conv.h"
#include "tutti/engines/native/isa/elementwise.h"
#include "tutti/engines/native/isa/philox.h"

namespace tutti::native {
namespace {

// Blocks of random words made at a time: 4 KiB of them stay in the L1 cache until they are compared.
constexpr std::int64_t kBlocks = 256;

// y = x * scale where the mask, broadcast over x, is set, else 0.
void apply_mask(const BroadcastWalk& walk, const float* x, const std::uint8_t* mask, float scale, float* y) {
  const ElementwiseIsa& isa = elementwise_isa();
  walk.run([&](std::int64_t at_x, std::int64_t at_mask, std::int64_t at_y, std::int64_t count) {
    if (walk.step_b() == 1) return isa.mask(x + at_x, mask + at_mask, scale, y + at_y, count);
    if (mask[at_mask]) return isa.affine(x + at_x, scale, 0, y + at_y, count);
    std::fill_n(y + at_y, count, 0.0f);
  });
}

}  // namespace

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
      const std::int64_t drawn = std::min(count, 4 * (block + blocks)) - 4 * block;
      elementwise_isa().at_least(words.data(), threshold, drawn, mask + 4 * block);
    }
  });
}

Prepared prepare_op(const OpCall& call, const Dropout& op) {
  const Shape& x = call.inputs[0].shape;
  const BroadcastWalk walk(x, op.mask_shape, x);
  const auto scale = static_cast<float>(1 / (1 - op.rate));
  return ready([op, walk, scale, count = op.mask_shape.elements()](Inputs in, Outputs out) {
    std::uint8_t* mask = out[1].as<std::uint8_t>();
    draw_mask(op, *in[1].as<std::int64_t>(), count, mask);
    apply_mask(walk, in[0].as<float>(), mask, scale, out[0].as<float>());
  });
}

Prepared prepare_op(const OpCall& call, const DropoutGrad& op) {
  const Shape& dy = call.inputs[0].shape;
  const BroadcastWalk walk(dy, call.inputs[1].shape, dy);
  const auto scale = static_cast<float>(1 / (1 - op.rate));
  return ready([walk, scale](Inputs in, Outputs out) {
    apply_mask(walk, in[0].as<float>(), in[1].as<std::uint8_t>(), scale, out[0].as<float>());
  });
}

}  // namespace tutti::native
