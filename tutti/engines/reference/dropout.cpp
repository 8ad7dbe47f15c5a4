#include "tutti/base/philox.h"
#include "tutti/engines/reference/kernels.h"

namespace tutti::reference {
namespace {

// y = x / (1 - rate) where the mask, broadcast over x, is set, else 0.
template <class T>
void apply_mask(const ConstView& x, const ConstView& mask, double rate, const View& y) {
  const double scale = 1 / (1 - rate);
  std::int64_t i = 0;
  for_each_index(*x.shape, std::array{broadcast_strides(*mask.shape, *x.shape)}, [&](const auto& at) {
    y.as<T>()[i] = mask.as<std::uint8_t>()[at[0]] ? static_cast<T>(x.as<T>()[i] * scale) : T{0};
    ++i;
  });
}

}  // namespace

void run(const Dropout& op, In in, Out out) {
  const Philox random(op.seed, op.stream, static_cast<std::uint64_t>(*in[1].as<std::int64_t>()));
  const std::uint32_t threshold = dropout_threshold(op.rate);
  for (std::int64_t i = 0; i < elements(out[1]); ++i)
    out[1].as<std::uint8_t>()[i] = random.word(static_cast<std::uint64_t>(i)) >= threshold;
  with_float(in[0].dtype, [&]<class T>(T) { apply_mask<T>(in[0], out[1], op.rate, out[0]); });
}

void run(const DropoutGrad& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { apply_mask<T>(in[0], in[1], op.rate, out[0]); });
}

}  // namespace tutti::reference
