// Sources: keras/src/backend/*/nn.py (cross-entropies), keras/src/losses/losses.py, v3.15.1.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tutti/engines/reference/kernels.h"

namespace tutti::reference {
namespace {

bool is_categorical(LossKind kind) {
  return kind == LossKind::kCategoricalCrossEntropy || kind == LossKind::kSparseCategoricalCrossEntropy;
}

// Bounds of a probability, rounded to T as the comparison is made in T: in float32 the upper one is 0.99999988.
template <class T>
struct ProbabilityBounds {
  double low = static_cast<T>(1e-7), high = static_cast<T>(1 - 1e-7);
  double clip(double p) const { return p < low ? low : p > high ? high : p; }
  bool contain(double p) const { return p >= low && p <= high; }
};

// One row of targets as it enters the formula: smoothed, and one-hot where it is a label. A label that is no class gives NaN.
template <class T>
std::vector<double> target_row(const LossAttributes& op, const ConstView& target, std::int64_t row, std::int64_t c) {
  std::vector<double> t(static_cast<std::size_t>(c), 0.0);
  if (op.kind == LossKind::kSparseCategoricalCrossEntropy) {
    const std::int64_t label = target.as<std::int32_t>()[row];
    if (label < 0 || label >= c) return std::vector<double>(t.size(), std::numeric_limits<double>::quiet_NaN());
    t[static_cast<std::size_t>(label)] = 1.0;
  } else {
    for (std::int64_t i = 0; i < c; ++i) t[static_cast<std::size_t>(i)] = target.as<T>()[row * c + i];
  }
  const double uniform = is_categorical(op.kind) ? 1 / static_cast<double>(c) : 0.5;
  if (is_categorical(op.kind) || op.kind == LossKind::kBinaryCrossEntropy)
    for (double& value : t) value = value * (1 - op.label_smoothing) + uniform * op.label_smoothing;
  return t;
}

template <class T>
double log_sum_exp(const T* x, std::int64_t c) {
  const double largest = *std::max_element(x, x + c);
  double sum = 0.0;
  for (std::int64_t i = 0; i < c; ++i) sum += std::exp(x[i] - largest);
  return largest + std::log(sum);
}

template <class T>
double sum_of(const T* x, std::int64_t c) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < c; ++i) sum += x[i];
  return sum;
}

template <class T>
double categorical(const LossAttributes& op, const T* x, const std::vector<double>& t) {
  const auto c = static_cast<std::int64_t>(t.size());
  const double normalizer = op.from_logits ? log_sum_exp(x, c) : sum_of(x, c);
  double loss = 0.0;
  for (std::int64_t i = 0; i < c; ++i) {
    const double log_p = op.from_logits ? x[i] - normalizer : std::log(ProbabilityBounds<T>().clip(x[i] / normalizer));
    loss -= t[static_cast<std::size_t>(i)] * log_p;
  }
  return loss;
}

// From probabilities, q = p / sum(p): dloss/dq_i = -t_i / q_i, or 0 where clipped, and
// dloss/dp_i = (dloss/dq_i - sum_j dloss/dq_j q_j) / sum(p).
template <class T>
void categorical_grad(const LossAttributes& op, const T* x, const std::vector<double>& t, double dloss, T* dx) {
  const auto c = static_cast<std::int64_t>(t.size());
  if (op.from_logits) {
    const double normalizer = log_sum_exp(x, c), weight = sum_of(t.data(), c);
    for (std::int64_t i = 0; i < c; ++i)
      dx[i] = static_cast<T>(dloss * (std::exp(x[i] - normalizer) * weight - t[static_cast<std::size_t>(i)]));
    return;
  }
  const double normalizer = sum_of(x, c);
  std::vector<double> dq(t.size());
  double inner = 0.0;
  for (std::int64_t i = 0; i < c; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double q = x[i] / normalizer;
    // A NaN target (no class) must not be hidden by the clip.
    dq[at] = ProbabilityBounds<T>().contain(q) || std::isnan(t[at]) ? -t[at] / q : 0.0;
    inner += dq[at] * q;
  }
  for (std::int64_t i = 0; i < c; ++i) dx[i] = static_cast<T>(dloss * (dq[static_cast<std::size_t>(i)] - inner) / normalizer);
}

// One element of the losses that are means over the last axis.
template <class T>
double element_loss(const LossAttributes& op, double x, double t) {
  const double error = x - t;
  switch (op.kind) {
    case LossKind::kBinaryCrossEntropy: {
      if (op.from_logits) return std::max(x, 0.0) - x * t + std::log1p(std::exp(-std::abs(x)));
      const double p = ProbabilityBounds<T>().clip(x);
      return -(t * std::log(p) + (1 - t) * std::log1p(-p));
    }
    case LossKind::kMeanAbsoluteError:
      return std::abs(error);
    case LossKind::kHuber:
      return std::abs(error) <= op.delta ? 0.5 * error * error : op.delta * (std::abs(error) - 0.5 * op.delta);
    default:
      return error * error;
  }
}

template <class T>
double element_slope(const LossAttributes& op, double x, double t) {
  const double error = x - t;
  switch (op.kind) {
    case LossKind::kBinaryCrossEntropy:
      if (op.from_logits) return (x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x))) - t;
      return ProbabilityBounds<T>().contain(x) ? (x - t) / (x * (1 - x)) : 0.0;
    case LossKind::kMeanAbsoluteError:
      return static_cast<double>((error > 0) - (error < 0));
    case LossKind::kHuber:
      return error < -op.delta ? -op.delta : error > op.delta ? op.delta : error;
    default:
      return 2 * error;
  }
}

template <class T>
void loss(const Loss& op, In in, Out out) {
  const std::int64_t c = (*in[0].shape)[-1];
  for (std::int64_t row = 0; row < elements(out[0]); ++row) {
    const T* x = in[0].as<T>() + row * c;
    const std::vector<double> t = target_row<T>(op, in[1], row, c);
    double sum = 0.0;
    if (is_categorical(op.kind)) {
      sum = categorical(op, x, t);
    } else {
      for (std::int64_t i = 0; i < c; ++i)
        sum += element_loss<T>(op, x[i], t[static_cast<std::size_t>(i)]) / static_cast<double>(c);
    }
    out[0].as<T>()[row] = static_cast<T>(sum);
  }
}

template <class T>
void loss_grad(const LossGrad& op, In in, Out out) {
  const std::int64_t c = (*in[1].shape)[-1];
  for (std::int64_t row = 0; row < elements(in[0]); ++row) {
    const double dloss = in[0].as<T>()[row];
    const T* x = in[1].as<T>() + row * c;
    T* dx = out[0].as<T>() + row * c;
    const std::vector<double> t = target_row<T>(op, in[2], row, c);
    if (is_categorical(op.kind)) {
      categorical_grad(op, x, t, dloss, dx);
    } else {
      for (std::int64_t i = 0; i < c; ++i)
        dx[i] = static_cast<T>(dloss * element_slope<T>(op, x[i], t[static_cast<std::size_t>(i)]) / static_cast<double>(c));
    }
  }
}

}  // namespace

void run(const Loss& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { loss<T>(op, in, out); });
}

void run(const LossGrad& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { loss_grad<T>(op, in, out); });
}

}  // namespace tutti::reference
