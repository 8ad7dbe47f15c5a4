#include "tutti/engines/native/isa/optimizer.h"

#include "tutti/engines/native/isa/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tutti/engines/native/isa/optimizer.cpp"
#include <hwy/foreach_target.h>  // first: it includes this file once for each target

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tutti::native::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls f(tag, i) for whole vectors, then with the tag of one lane for the rest.
template <class F>
HWY_INLINE void for_elements(std::int64_t count, F f) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> d1;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) f(d, i);
  for (; i < count; ++i) f(d1, i);
}

void sgd(const SgdStep& step, Slot w, const float* g, Slot velocity, std::int64_t count) {
  for_elements(count, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto move = hn::Mul(hn::Set(d, -step.lr), hn::LoadU(d, g + i));
    auto total = move;
    if (velocity.in) {
      const auto momentum = hn::Set(d, step.momentum);
      const auto next = hn::MulAdd(momentum, hn::LoadU(d, velocity.in + i), move);
      hn::StoreU(next, d, velocity.out + i);
      total = step.nesterov ? hn::MulAdd(momentum, next, move) : next;
    }
    hn::StoreU(hn::MulAdd(hn::LoadU(d, w.in + i), hn::Set(d, step.keep), total), d, w.out + i);
  });
}

void adam(const AdamStep& step, Slot w, const float* g, Slot m, Slot v, std::int64_t count) {
  for_elements(count, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto gradient = hn::LoadU(d, g + i);
    const auto next_m =
        hn::MulAdd(hn::Set(d, step.beta_1), hn::LoadU(d, m.in + i), hn::Mul(hn::Set(d, step.one_minus_beta_1), gradient));
    const auto next_v = hn::MulAdd(hn::Set(d, step.beta_2), hn::LoadU(d, v.in + i),
                                   hn::Mul(hn::Set(d, step.one_minus_beta_2), hn::Mul(gradient, gradient)));
    const auto move = hn::Div(hn::Mul(hn::Set(d, step.rate), next_m), hn::Add(hn::Sqrt(next_v), hn::Set(d, step.epsilon)));
    hn::StoreU(hn::MulSub(hn::LoadU(d, w.in + i), hn::Set(d, step.keep), move), d, w.out + i);
    hn::StoreU(next_m, d, m.out + i);
    hn::StoreU(next_v, d, v.out + i);
  });
}

void nadam(const NadamStep& step, Slot w, const float* g, Slot m, Slot v, std::int64_t count) {
  for_elements(count, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto gradient = hn::LoadU(d, g + i);
    const auto next_m =
        hn::MulAdd(hn::Set(d, step.beta_1), hn::LoadU(d, m.in + i), hn::Mul(hn::Set(d, step.one_minus_beta_1), gradient));
    const auto next_v = hn::MulAdd(hn::Set(d, step.beta_2), hn::LoadU(d, v.in + i),
                                   hn::Mul(hn::Set(d, step.one_minus_beta_2), hn::Mul(gradient, gradient)));
    const auto m_hat = hn::MulAdd(next_m, hn::Set(d, step.m_scale), hn::Mul(gradient, hn::Set(d, step.g_scale)));
    const auto sigma = hn::Sqrt(hn::Mul(next_v, hn::Set(d, step.v_scale)));
    const auto move = hn::Div(hn::Mul(hn::Set(d, step.lr), m_hat), hn::Add(sigma, hn::Set(d, step.epsilon)));
    hn::StoreU(hn::MulSub(hn::LoadU(d, w.in + i), hn::Set(d, step.keep), move), d, w.out + i);
    hn::StoreU(next_m, d, m.out + i);
    hn::StoreU(next_v, d, v.out + i);
  });
}

void rmsprop(const RmspropStep& step, Slot w, const float* g, Slot v, Slot velocity, Slot mean, std::int64_t count) {
  for_elements(count, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto gradient = hn::LoadU(d, g + i);
    const auto rho = hn::Set(d, step.rho), rest = hn::Set(d, step.one_minus_rho);
    const auto next_v = hn::MulAdd(rho, hn::LoadU(d, v.in + i), hn::Mul(rest, hn::Mul(gradient, gradient)));
    hn::StoreU(next_v, d, v.out + i);
    auto variance = next_v;
    if (mean.in) {
      const auto next_mean = hn::MulAdd(rho, hn::LoadU(d, mean.in + i), hn::Mul(rest, gradient));
      hn::StoreU(next_mean, d, mean.out + i);
      variance = hn::NegMulAdd(next_mean, next_mean, variance);
    }
    auto move = hn::Div(hn::Mul(hn::Set(d, step.lr), gradient), hn::Sqrt(hn::Add(variance, hn::Set(d, step.epsilon))));
    if (velocity.in) {
      move = hn::MulAdd(hn::Set(d, step.momentum), hn::LoadU(d, velocity.in + i), move);
      hn::StoreU(move, d, velocity.out + i);
    }
    hn::StoreU(hn::MulSub(hn::LoadU(d, w.in + i), hn::Set(d, step.keep), move), d, w.out + i);
  });
}

void adagrad(float lr, float epsilon, float keep, Slot w, const float* g, Slot sum, std::int64_t count) {
  for_elements(count, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto gradient = hn::LoadU(d, g + i);
    const auto next = hn::MulAdd(gradient, gradient, hn::LoadU(d, sum.in + i));
    hn::StoreU(next, d, sum.out + i);
    const auto move = hn::Div(hn::Mul(hn::Set(d, lr), gradient), hn::Sqrt(hn::Add(next, hn::Set(d, epsilon))));
    hn::StoreU(hn::MulSub(hn::LoadU(d, w.in + i), hn::Set(d, keep), move), d, w.out + i);
  });
}

OptimizerIsa make_optimizer_isa() { return {.sgd = sgd, .adam = adam, .nadam = nadam, .rmsprop = rmsprop, .adagrad = adagrad}; }

}  // namespace tutti::native::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tutti::native {

HWY_EXPORT(make_optimizer_isa);

const OptimizerIsa& optimizer_isa() {
  static const OptimizerIsa isa = HWY_DYNAMIC_DISPATCH(make_optimizer_isa)();
  return isa;
}

}  // namespace tutti::native
#endif
