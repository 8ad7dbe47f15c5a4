// Optimizer updates: the scalars of a step in double, then one pass over the arrays.
#include "tutti/engines/native/isa/optimizer.h"

#include <cmath>

#include "tutti/engines/native/fused_dense.h"
#include "tutti/engines/native/kernels.h"

namespace tutti::native {
namespace {

// The part of an array from `begin` on; null where the op has no such slot.
Slot slot(Inputs in, std::size_t input, Outputs out, std::size_t output, std::int64_t begin) {
  return {in[input].as<float>() + begin, out[output].as<float>() + begin};
}
constexpr Slot kNone{nullptr, nullptr};

// The number of this update, from 1.
double update_number(const ConstView& step) { return static_cast<double>(*step.as<std::int64_t>() + 1); }

// Nadam's momentum schedule. Dozat, "Incorporating Nesterov momentum into Adam" (2016).
double nadam_momentum(double beta_1, double t) { return beta_1 * (1 - 0.5 * std::pow(0.96, t)); }

double learning_rate(Inputs in) { return *in[2].as<float>(); }
float keep_of(Inputs in, double weight_decay) { return static_cast<float>(1 - learning_rate(in) * weight_decay); }

}  // namespace

AdamStep adam_step(const AdamUpdate& op, double lr, std::int64_t step) {
  const auto t = static_cast<double>(step + 1);
  return {.rate = static_cast<float>(lr * std::sqrt(1 - std::pow(op.beta_2, t)) / (1 - std::pow(op.beta_1, t))),
          .beta_1 = static_cast<float>(op.beta_1),
          .beta_2 = static_cast<float>(op.beta_2),
          .one_minus_beta_1 = static_cast<float>(1 - op.beta_1),
          .one_minus_beta_2 = static_cast<float>(1 - op.beta_2),
          .epsilon = static_cast<float>(op.epsilon),
          .keep = static_cast<float>(1 - lr * op.weight_decay)};
}

Prepared prepare_op(const OpCall& call, const SgdUpdate& op) {
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([op, count](Inputs in, Outputs out) {
    const SgdStep step{.lr = *in[2].as<float>(),
                       .momentum = static_cast<float>(op.momentum),
                       .keep = keep_of(in, op.weight_decay),
                       .nesterov = op.nesterov};
    stream(count, [&](std::int64_t begin, std::int64_t end) {
      const Slot velocity = op.momentum != 0 ? slot(in, 3, out, 1, begin) : kNone;
      optimizer_isa().sgd(step, slot(in, 0, out, 0, begin), in[1].as<float>() + begin, velocity, end - begin);
    });
  });
}

Prepared prepare_op(const OpCall& call, const AdamUpdate& op) {
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([op, count](Inputs in, Outputs out) {
    const AdamStep step = adam_step(op, *in[2].as<float>(), *in[3].as<std::int64_t>());
    stream(count, [&](std::int64_t begin, std::int64_t end) {
      optimizer_isa().adam(step, slot(in, 0, out, 0, begin), in[1].as<float>() + begin, slot(in, 4, out, 1, begin),
                           slot(in, 5, out, 2, begin), end - begin);
    });
  });
}

Prepared prepare_op(const OpCall& call, const NadamUpdate& op) {
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([op, count](Inputs in, Outputs out) {
    const double t = update_number(in[3]), u = nadam_momentum(op.beta_1, t), next_u = nadam_momentum(op.beta_1, t + 1);
    const double product = *in[6].as<float>() * u;
    const NadamStep step{.lr = *in[2].as<float>(),
                         .beta_1 = static_cast<float>(op.beta_1),
                         .beta_2 = static_cast<float>(op.beta_2),
                         .one_minus_beta_1 = static_cast<float>(1 - op.beta_1),
                         .one_minus_beta_2 = static_cast<float>(1 - op.beta_2),
                         .m_scale = static_cast<float>(next_u / (1 - product * next_u)),
                         .g_scale = static_cast<float>((1 - u) / (1 - product)),
                         .v_scale = static_cast<float>(1 / (1 - std::pow(op.beta_2, t))),
                         .epsilon = static_cast<float>(op.epsilon),
                         .keep = keep_of(in, op.weight_decay)};
    stream(count, [&](std::int64_t begin, std::int64_t end) {
      optimizer_isa().nadam(step, slot(in, 0, out, 0, begin), in[1].as<float>() + begin, slot(in, 4, out, 1, begin),
                            slot(in, 5, out, 2, begin), end - begin);
    });
  });
}

Prepared prepare_op(const OpCall&, const NadamProduct& op) {
  return ready([beta_1 = op.beta_1](Inputs in, Outputs out) {
    *out[0].as<float>() = static_cast<float>(*in[0].as<float>() * nadam_momentum(beta_1, update_number(in[1])));
  });
}

Prepared prepare_op(const OpCall& call, const RmspropUpdate& op) {
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([op, count](Inputs in, Outputs out) {
    const RmspropStep step{.lr = *in[2].as<float>(),
                           .rho = static_cast<float>(op.rho),
                           .one_minus_rho = static_cast<float>(1 - op.rho),
                           .momentum = static_cast<float>(op.momentum),
                           .epsilon = static_cast<float>(op.epsilon),
                           .keep = keep_of(in, op.weight_decay)};
    const bool has_momentum = op.momentum > 0;
    stream(count, [&](std::int64_t begin, std::int64_t end) {
      const Slot velocity = has_momentum ? slot(in, 4, out, 2, begin) : kNone;
      const Slot mean = op.centered ? slot(in, has_momentum ? 5 : 4, out, has_momentum ? 3 : 2, begin) : kNone;
      optimizer_isa().rmsprop(step, slot(in, 0, out, 0, begin), in[1].as<float>() + begin, slot(in, 3, out, 1, begin), velocity,
                              mean, end - begin);
    });
  });
}

Prepared prepare_op(const OpCall& call, const AdagradUpdate& op) {
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([op, count](Inputs in, Outputs out) {
    const float lr = *in[2].as<float>(), epsilon = static_cast<float>(op.epsilon), keep = keep_of(in, op.weight_decay);
    stream(count, [&](std::int64_t begin, std::int64_t end) {
      optimizer_isa().adagrad(lr, epsilon, keep, slot(in, 0, out, 0, begin), in[1].as<float>() + begin,
                              slot(in, 3, out, 1, begin), end - begin);
    });
  });
}

}  // namespace tutti::native
