// Sources: keras/src/optimizers/{sgd,adam,nadam,rmsprop,adagrad}.py, v3.15.1.
#include <cmath>

#include "tutti/engines/reference/kernels.h"

namespace tutti::reference {
namespace {

// lr is float32, whatever the type of the weight.
double learning_rate(const ConstView& lr) { return *lr.as<float>(); }

// The number of this update, from 1.
double update_number(const ConstView& step) { return static_cast<double>(*step.as<std::int64_t>() + 1); }

// Nadam's momentum schedule. Dozat, "Incorporating Nesterov momentum into Adam" (2016).
double nadam_momentum(double beta_1, double t) { return beta_1 * (1 - 0.5 * std::pow(0.96, t)); }

template <class T>
void sgd(const SgdUpdate& op, In in, Out out) {
  const T *w = in[0].as<T>(), *g = in[1].as<T>();
  const double lr = learning_rate(in[2]), keep = 1 - lr * op.weight_decay;
  for (std::int64_t i = 0; i < elements(in[0]); ++i) {
    const double gradient = g[i], previous = op.momentum == 0 ? 0.0 : in[3].as<T>()[i];
    const double velocity = op.momentum * previous - lr * gradient;
    out[0].as<T>()[i] = static_cast<T>(w[i] * keep + (op.nesterov ? op.momentum * velocity - lr * gradient : velocity));
    if (op.momentum != 0) out[1].as<T>()[i] = static_cast<T>(velocity);
  }
}

template <class T>
void adam(const AdamUpdate& op, In in, Out out) {
  const double lr = learning_rate(in[2]), t = update_number(in[3]), keep = 1 - lr * op.weight_decay;
  const double rate = lr * std::sqrt(1 - std::pow(op.beta_2, t)) / (1 - std::pow(op.beta_1, t));
  for (std::int64_t i = 0; i < elements(in[0]); ++i) {
    const double w = in[0].as<T>()[i], g = in[1].as<T>()[i];
    const double m = op.beta_1 * in[4].as<T>()[i] + (1 - op.beta_1) * g;
    const double v = op.beta_2 * in[5].as<T>()[i] + (1 - op.beta_2) * g * g;
    out[0].as<T>()[i] = static_cast<T>(w * keep - rate * m / (std::sqrt(v) + op.epsilon));
    out[1].as<T>()[i] = static_cast<T>(m);
    out[2].as<T>()[i] = static_cast<T>(v);
  }
}

template <class T>
void nadam(const NadamUpdate& op, In in, Out out) {
  const double lr = learning_rate(in[2]), t = update_number(in[3]), keep = 1 - lr * op.weight_decay;
  const double u = nadam_momentum(op.beta_1, t), next_u = nadam_momentum(op.beta_1, t + 1);
  const double product = *in[6].as<T>() * u, next_product = product * next_u;
  const double correction = 1 - std::pow(op.beta_2, t);
  for (std::int64_t i = 0; i < elements(in[0]); ++i) {
    const double w = in[0].as<T>()[i], g = in[1].as<T>()[i];
    const double m = op.beta_1 * in[4].as<T>()[i] + (1 - op.beta_1) * g;
    const double v = op.beta_2 * in[5].as<T>()[i] + (1 - op.beta_2) * g * g;
    const double m_hat = next_u * m / (1 - next_product) + (1 - u) * g / (1 - product);
    out[0].as<T>()[i] = static_cast<T>(w * keep - lr * m_hat / (std::sqrt(v / correction) + op.epsilon));
    out[1].as<T>()[i] = static_cast<T>(m);
    out[2].as<T>()[i] = static_cast<T>(v);
  }
}

// Tieleman, Hinton, "Lecture 6.5: RMSprop" (2012); centered: Graves, "Generating sequences with recurrent neural
// networks" (2013).
template <class T>
void rmsprop(const RmspropUpdate& op, In in, Out out) {
  const double lr = learning_rate(in[2]), keep = 1 - lr * op.weight_decay;
  const bool has_momentum = op.momentum > 0;
  const std::size_t mean_in = has_momentum ? 5 : 4, mean_out = has_momentum ? 3 : 2;
  for (std::int64_t i = 0; i < elements(in[0]); ++i) {
    const double w = in[0].as<T>()[i], g = in[1].as<T>()[i];
    const double v = op.rho * in[3].as<T>()[i] + (1 - op.rho) * g * g;
    const double mean = op.centered ? op.rho * in[mean_in].as<T>()[i] + (1 - op.rho) * g : 0.0;
    const double momentum = has_momentum ? op.momentum * in[4].as<T>()[i] : 0.0;
    const double move = momentum + lr * g / std::sqrt(v - mean * mean + op.epsilon);
    out[0].as<T>()[i] = static_cast<T>(w * keep - move);
    out[1].as<T>()[i] = static_cast<T>(v);
    if (has_momentum) out[2].as<T>()[i] = static_cast<T>(move);
    if (op.centered) out[mean_out].as<T>()[i] = static_cast<T>(mean);
  }
}

template <class T>
void adagrad(const AdagradUpdate& op, In in, Out out) {
  const double lr = learning_rate(in[2]), keep = 1 - lr * op.weight_decay;
  for (std::int64_t i = 0; i < elements(in[0]); ++i) {
    const double w = in[0].as<T>()[i], g = in[1].as<T>()[i];
    const double sum = in[3].as<T>()[i] + g * g;
    out[0].as<T>()[i] = static_cast<T>(w * keep - lr * g / std::sqrt(sum + op.epsilon));
    out[1].as<T>()[i] = static_cast<T>(sum);
  }
}

}  // namespace

void run(const SgdUpdate& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { sgd<T>(op, in, out); });
}

void run(const AdamUpdate& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { adam<T>(op, in, out); });
}

void run(const NadamUpdate& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { nadam<T>(op, in, out); });
}

void run(const NadamProduct& op, In in, Out out) {
  const double u = nadam_momentum(op.beta_1, update_number(in[1]));
  with_float(in[0].dtype, [&]<class T>(T) { *out[0].as<T>() = static_cast<T>(*in[0].as<T>() * u); });
}

void run(const RmspropUpdate& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { rmsprop<T>(op, in, out); });
}

void run(const AdagradUpdate& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { adagrad<T>(op, in, out); });
}

void run(const Increment& op, In in, Out out) { *out[0].as<std::int64_t>() = *in[0].as<std::int64_t>() + op.amount; }

}  // namespace tutti::reference
