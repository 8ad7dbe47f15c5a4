#include "tutti/engines/native/isa/philox.h"

#include "tutti/base/philox.h"
#include "tutti/engines/native/isa/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tutti/engines/native/isa/philox.cpp"
#include <hwy/foreach_target.h>  // first: it includes this file once for each target

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tutti::native::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
using DU = hn::ScalableTag<std::uint32_t>;
using VU = hn::Vec<DU>;

struct Product {
  VU high, low;
};

// The 64-bit products of 32-bit lanes, split: even lanes directly, odd lanes moved to even places.
HWY_INLINE Product multiply(VU a, VU b) {
  const DU d;
  const hn::RepartitionToWide<DU> dw;
  const auto even = hn::MulEven(a, b);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(dw, a))), b);
  return {.high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even))),
          .low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even))};
}
#endif

void philox(std::array<std::uint32_t, 3> counter, std::array<std::uint32_t, 2> key, std::uint32_t first, std::int64_t blocks,
            std::uint32_t* words) {
  std::int64_t b = 0;
#if HWY_TARGET != HWY_SCALAR
  const DU d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (; b + lanes <= blocks; b += lanes) {
    VU c0 = hn::Iota(d, first + static_cast<std::uint32_t>(b));
    VU c1 = hn::Set(d, counter[0]), c2 = hn::Set(d, counter[1]), c3 = hn::Set(d, counter[2]);
    VU k0 = hn::Set(d, key[0]), k1 = hn::Set(d, key[1]);
    for (int round = 0; round < 10; ++round) {
      const Product p0 = multiply(c0, hn::Set(d, 0xD2511F53u)), p1 = multiply(c2, hn::Set(d, 0xCD9E8D57u));
      c0 = hn::Xor(hn::Xor(p1.high, c1), k0);
      c2 = hn::Xor(hn::Xor(p0.high, c3), k1);
      c1 = p1.low, c3 = p0.low;
      k0 = hn::Add(k0, hn::Set(d, 0x9E3779B9u)), k1 = hn::Add(k1, hn::Set(d, 0xBB67AE85u));
    }
    hn::StoreInterleaved4(c0, c1, c2, c3, d, words + 4 * b);
  }
#endif
  for (; b < blocks; ++b) {
    const auto block = philox4x32({first + static_cast<std::uint32_t>(b), counter[0], counter[1], counter[2]}, key);
    for (std::size_t i = 0; i < 4; ++i) words[4 * b + static_cast<std::int64_t>(i)] = block[i];
  }
}

PhiloxFunction choose_philox() { return philox; }

}  // namespace tutti::native::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tutti::native {

HWY_EXPORT(choose_philox);

PhiloxFunction philox_function() { return HWY_DYNAMIC_DISPATCH(choose_philox)(); }

}  // namespace tutti::native
#endif
