// Sources of the formulas: keras/src/optimizers/{sgd,adam,nadam,rmsprop,adagrad}.py, v3.15.1.
#include <cmath>

#include "tutti/engines/onednn/loops.h"

namespace tutti::onednn {
namespace {

float kept_by_decay(float lr, double weight_decay) { return static_cast<float>(1.0 - static_cast<double>(lr) * weight_decay); }

struct Adam {
  float beta_1, m_share, beta_2, v_share;  // m = beta_1 m + m_share g, and so v
  float epsilon, keep;
  float m_rate, g_rate;  // what m and g add to the step
  float v_scale;         // v is multiplied by it before its root is taken
};

// Adam: m_rate = the corrected learning rate, g_rate = 0, v_scale = 1. Nadam looks ahead with g.
TUTTI_ONEDNN_CLONES
void adam_part(const Adam& a, std::int64_t begin, std::int64_t end, const float* g, Slots w, Slots m, Slots v) {
  const Adam c = a;
  TUTTI_ONEDNN_INDEPENDENT
  for (std::int64_t i = begin; i < end; ++i) {
    const float new_m = c.beta_1 * m.in[i] + c.m_share * g[i];
    const float new_v = c.beta_2 * v.in[i] + c.v_share * g[i] * g[i];
    w.out[i] = w.in[i] * c.keep - (c.m_rate * new_m + c.g_rate * g[i]) / (std::sqrt(new_v * c.v_scale) + c.epsilon);
    m.out[i] = new_m;
    v.out[i] = new_v;
  }
}

TUTTI_ONEDNN_CLONES
void sgd_part(float lr, float keep, float momentum, bool nesterov, std::int64_t begin, std::int64_t end, const float* g,
              Slots w, Slots velocity) {
  // The step is momentum_share * velocity - g_share * g.
  const float momentum_share = nesterov ? momentum : 1.0f, g_share = nesterov ? lr : 0.0f;
  TUTTI_ONEDNN_INDEPENDENT
  for (std::int64_t i = begin; i < end; ++i) {
    const float new_velocity = momentum * velocity.in[i] - lr * g[i];
    w.out[i] = w.in[i] * keep + momentum_share * new_velocity - g_share * g[i];
    velocity.out[i] = new_velocity;
  }
}

TUTTI_ONEDNN_CLONES
void plain_sgd_part(float lr, float keep, std::int64_t begin, std::int64_t end, const float* g, Slots w) {
  TUTTI_ONEDNN_INDEPENDENT
  for (std::int64_t i = begin; i < end; ++i) w.out[i] = w.in[i] * keep - lr * g[i];
}

TUTTI_ONEDNN_CLONES
void adagrad_part(float lr, float keep, float epsilon, std::int64_t begin, std::int64_t end, const float* g, Slots w, Slots a) {
  TUTTI_ONEDNN_INDEPENDENT
  for (std::int64_t i = begin; i < end; ++i) {
    const float sum = a.in[i] + g[i] * g[i];
    w.out[i] = w.in[i] * keep - lr * g[i] / std::sqrt(sum + epsilon);
    a.out[i] = sum;
  }
}

TUTTI_ONEDNN_CLONES
void rmsprop_part(const op::RmspropUpdate& op, float lr, std::int64_t begin, std::int64_t end, const float* g, Slots w, Slots v,
                  Slots momentum, Slots mean) {
  const float rho = static_cast<float>(op.rho), epsilon = static_cast<float>(op.epsilon);
  const float share = static_cast<float>(1 - op.rho), factor = static_cast<float>(op.momentum);
  const float keep = kept_by_decay(lr, op.weight_decay);
  const bool has_momentum = op.momentum > 0, centered = op.centered;
  TUTTI_ONEDNN_INDEPENDENT
  for (std::int64_t i = begin; i < end; ++i) {
    const float new_v = rho * v.in[i] + share * g[i] * g[i];
    const float new_mean = centered ? rho * mean.in[i] + share * g[i] : 0.0f;
    const float step =
        (has_momentum ? factor * momentum.in[i] : 0.0f) + lr * g[i] / std::sqrt(new_v - new_mean * new_mean + epsilon);
    w.out[i] = w.in[i] * keep - step;
    v.out[i] = new_v;
    if (has_momentum) momentum.out[i] = step;
    if (centered) mean.out[i] = new_mean;
  }
}

// Nadam's momentum schedule. Dozat, "Incorporating Nesterov momentum into Adam" (2016).
double nadam_momentum(double beta_1, double t) { return beta_1 * (1 - 0.5 * std::pow(0.96, t)); }

void run_adam(const Adam& adam, std::int64_t count, const float* g, Slots w, Slots m, Slots v) {
  for_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) { adam_part(adam, begin, end, g, w, m, v); });
}

}  // namespace

void adam_update(const op::AdamUpdate& op, std::int64_t count, float lr, std::int64_t step, const float* g, Slots w, Slots m,
                 Slots v) {
  const double t = static_cast<double>(step + 1);
  const double rate = static_cast<double>(lr) * std::sqrt(1 - std::pow(op.beta_2, t)) / (1 - std::pow(op.beta_1, t));
  const Adam adam{.beta_1 = static_cast<float>(op.beta_1),
                  .m_share = static_cast<float>(1 - op.beta_1),
                  .beta_2 = static_cast<float>(op.beta_2),
                  .v_share = static_cast<float>(1 - op.beta_2),
                  .epsilon = static_cast<float>(op.epsilon),
                  .keep = kept_by_decay(lr, op.weight_decay),
                  .m_rate = static_cast<float>(rate),
                  .g_rate = 0,
                  .v_scale = 1};
  run_adam(adam, count, g, w, m, v);
}

void nadam_update(const op::NadamUpdate& op, std::int64_t count, float lr, std::int64_t step, float u_product, const float* g,
                  Slots w, Slots m, Slots v) {
  const double t = static_cast<double>(step + 1);
  const double u = nadam_momentum(op.beta_1, t), next_u = nadam_momentum(op.beta_1, t + 1);
  const double product = static_cast<double>(u_product) * u, next_product = product * next_u;
  const Adam adam{.beta_1 = static_cast<float>(op.beta_1),
                  .m_share = static_cast<float>(1 - op.beta_1),
                  .beta_2 = static_cast<float>(op.beta_2),
                  .v_share = static_cast<float>(1 - op.beta_2),
                  .epsilon = static_cast<float>(op.epsilon),
                  .keep = kept_by_decay(lr, op.weight_decay),
                  .m_rate = static_cast<float>(static_cast<double>(lr) * next_u / (1 - next_product)),
                  .g_rate = static_cast<float>(static_cast<double>(lr) * (1 - u) / (1 - product)),
                  .v_scale = static_cast<float>(1 / (1 - std::pow(op.beta_2, t)))};
  run_adam(adam, count, g, w, m, v);
}

float nadam_product(const op::NadamProduct& op, float u_product, std::int64_t step) {
  return static_cast<float>(static_cast<double>(u_product) * nadam_momentum(op.beta_1, static_cast<double>(step + 1)));
}

void sgd_update(const op::SgdUpdate& op, std::int64_t count, float lr, const float* g, Slots w, Slots velocity) {
  const float keep = kept_by_decay(lr, op.weight_decay), momentum = static_cast<float>(op.momentum);
  for_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    if (op.momentum == 0)
      plain_sgd_part(lr, keep, begin, end, g, w);
    else
      sgd_part(lr, keep, momentum, op.nesterov, begin, end, g, w, velocity);
  });
}

void rmsprop_update(const op::RmspropUpdate& op, std::int64_t count, float lr, const float* g, Slots w, Slots v, Slots momentum,
                    Slots mean) {
  for_ranges(count, kGrain,
             [&](std::int64_t begin, std::int64_t end) { rmsprop_part(op, lr, begin, end, g, w, v, momentum, mean); });
}

void adagrad_update(const op::AdagradUpdate& op, std::int64_t count, float lr, const float* g, Slots w, Slots accumulator) {
  const float keep = kept_by_decay(lr, op.weight_decay), epsilon = static_cast<float>(op.epsilon);
  for_ranges(count, kGrain,
             [&](std::int64_t begin, std::int64_t end) { adagrad_part(lr, keep, epsilon, begin, end, g, w, accumulator); });
}

}  // namespace tutti::onednn
