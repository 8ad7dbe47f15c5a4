// Optimizer updates in one pass over weight, gradient and slots.
#pragma once

#include <cstdint>

namespace tutti::native {

// The scalars of an update, computed once a step in double. Formulas: op.h.
struct SgdStep {
  float lr, momentum, keep;  // keep = 1 - lr * weight_decay
  bool nesterov;
};
struct AdamStep {
  float rate, beta_1, beta_2, one_minus_beta_1, one_minus_beta_2, epsilon, keep;
};
struct NadamStep {
  // m_hat = m * m_scale + g * g_scale; move = lr * m_hat / (sqrt(v * v_scale) + epsilon)
  float lr, beta_1, beta_2, one_minus_beta_1, one_minus_beta_2, m_scale, g_scale, v_scale, epsilon, keep;
};
struct RmspropStep {
  float lr, rho, one_minus_rho, momentum, epsilon, keep;
};

// An array as read and as written; the same when the op runs in place.
struct Slot {
  const float* in;
  float* out;
};

struct OptimizerIsa {
  // velocity is null without momentum
  void (*sgd)(const SgdStep& step, Slot w, const float* g, Slot velocity, std::int64_t count);
  void (*adam)(const AdamStep& step, Slot w, const float* g, Slot m, Slot v, std::int64_t count);
  void (*nadam)(const NadamStep& step, Slot w, const float* g, Slot m, Slot v, std::int64_t count);
  // velocity is null without momentum, mean unless centered
  void (*rmsprop)(const RmspropStep& step, Slot w, const float* g, Slot v, Slot velocity, Slot mean, std::int64_t count);
  void (*adagrad)(float lr, float epsilon, float keep, Slot w, const float* g, Slot sum, std::int64_t count);
};

const OptimizerIsa& optimizer_isa();

}  // namespace tutti::native
