// Losses. A batch has few rows, so they are computed in double, row by row.
#include <cmath>
#include <limits>

#include "tutti/engines/native/kernels.h"

namespace tutti::native {
namespace {

// Keras's bounds of a probability, as float32 has them.
constexpr float kLow = 1e-7f, kHigh = 1.0f - 1e-7f;

// Target i of a row: smoothed, and one-hot where it is a label. A label that is no class makes all of them NaN.
class TargetRow {
 public:
  TargetRow(const LossAttributes& op, const ConstView& target, std::int64_t row, std::int64_t c)
      : keep_(1 - op.label_smoothing), offset_(op.label_smoothing / static_cast<double>(c)) {
    if (op.kind == LossKind::kCategoricalCrossEntropy) {
      values_ = target.as<float>() + row * c;
    } else {
      label_ = target.as<std::int32_t>()[row];
      if (label_ < 0 || label_ >= c) keep_ = std::numeric_limits<double>::quiet_NaN();
    }
  }
  double operator[](std::int64_t i) const { return keep_ * (values_ ? values_[i] : i == label_ ? 1.0f : 0.0f) + offset_; }

 private:
  double keep_, offset_;
  const float* values_ = nullptr;
  std::int64_t label_ = -1;
};

double sum_of(const float* x, std::int64_t c) {
  double sum = 0;
  for (std::int64_t i = 0; i < c; ++i) sum += x[i];
  return sum;
}

double log_sum_exp(const float* x, std::int64_t c) {
  const double largest = *std::max_element(x, x + c);
  double sum = 0;
  for (std::int64_t i = 0; i < c; ++i) sum += std::exp(x[i] - largest);
  return largest + std::log(sum);
}

double loss_of(bool from_logits, const float* x, const TargetRow& target, std::int64_t c) {
  const double normalizer = from_logits ? log_sum_exp(x, c) : sum_of(x, c);
  double loss = 0;
  for (std::int64_t i = 0; i < c; ++i) {
    const double q = x[i] / normalizer;
    loss -= target[i] * (from_logits ? x[i] - normalizer : std::log(q < kLow ? kLow : q > kHigh ? kHigh : q));
  }
  return loss;
}

// From probabilities, q = p / sum(p): dloss/dq_i = -t_i / q_i, or 0 where clipped, and
// dloss/dp_i = (dloss/dq_i - sum_j dloss/dq_j q_j) / sum(p).
void grad_of(bool from_logits, double dloss, const float* x, const TargetRow& target, std::int64_t c, float* dx) {
  if (from_logits) {
    const double normalizer = log_sum_exp(x, c);
    double weight = 0;
    for (std::int64_t i = 0; i < c; ++i) weight += target[i];
    for (std::int64_t i = 0; i < c; ++i) dx[i] = static_cast<float>(dloss * (std::exp(x[i] - normalizer) * weight - target[i]));
    return;
  }
  const double normalizer = sum_of(x, c);
  const auto slope = [&](std::int64_t i) {
    const double q = x[i] / normalizer, t = target[i];
    // A NaN target (no class) must not be hidden by the clip.
    return (q >= kLow && q <= kHigh) || std::isnan(t) ? -t / q : 0.0;
  };
  double inner = 0;
  for (std::int64_t i = 0; i < c; ++i) inner += slope(i) * (x[i] / normalizer);
  for (std::int64_t i = 0; i < c; ++i) dx[i] = static_cast<float>(dloss * (slope(i) - inner) / normalizer);
}

bool is_categorical(LossKind kind) {
  return kind == LossKind::kCategoricalCrossEntropy || kind == LossKind::kSparseCategoricalCrossEntropy;
}

// One element of the losses that are means over the last axis.
double element_loss(const LossAttributes& op, double x, double t) {
  const double error = x - t;
  switch (op.kind) {
    case LossKind::kBinaryCrossEntropy: {
      t = t * (1 - op.label_smoothing) + 0.5 * op.label_smoothing;
      if (op.from_logits) return std::max(x, 0.0) - x * t + std::log1p(std::exp(-std::abs(x)));
      const double p = x < kLow ? kLow : x > kHigh ? kHigh : x;
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

double element_slope(const LossAttributes& op, double x, double t) {
  const double error = x - t;
  switch (op.kind) {
    case LossKind::kBinaryCrossEntropy:
      t = t * (1 - op.label_smoothing) + 0.5 * op.label_smoothing;
      if (op.from_logits) return (x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x))) - t;
      return x >= kLow && x <= kHigh ? (x - t) / (x * (1 - x)) : 0.0;
    case LossKind::kMeanAbsoluteError:
      return static_cast<double>((error > 0) - (error < 0));
    case LossKind::kHuber:
      return error < -op.delta ? -op.delta : error > op.delta ? op.delta : error;
    default:
      return 2 * error;
  }
}

// An exponential or a logarithm in double costs some fifty times what streaming a float does.
std::int64_t row_grain(std::int64_t c) { return ceil_div(kStreamGrain, 50 * c); }

}  // namespace

Prepared prepare_op(const OpCall& call, const Loss& op) {
  const std::int64_t c = call.inputs[0].shape[-1], rows = call.outputs[0].shape.elements();
  return ready([op, c, rows](Inputs in, Outputs out) {
    parallel_for(0, rows, row_grain(c), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* x = in[0].as<float>() + row * c;
        double loss = 0;
        if (is_categorical(op.kind)) {
          loss = loss_of(op.from_logits, x, TargetRow(op, in[1], row, c), c);
        } else {
          for (std::int64_t i = 0; i < c; ++i) loss += element_loss(op, x[i], in[1].as<float>()[row * c + i]);
          loss /= static_cast<double>(c);
        }
        out[0].as<float>()[row] = static_cast<float>(loss);
      }
    });
  });
}

Prepared prepare_op(const OpCall& call, const LossGrad& op) {
  const std::int64_t c = call.inputs[1].shape[-1], rows = call.inputs[0].shape.elements();
  return ready([op, c, rows](Inputs in, Outputs out) {
    parallel_for(0, rows, row_grain(c), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* x = in[1].as<float>() + row * c;
        float* dx = out[0].as<float>() + row * c;
        const double dloss = in[0].as<float>()[row];
        if (is_categorical(op.kind)) {
          grad_of(op.from_logits, dloss, x, TargetRow(op, in[2], row, c), c, dx);
        } else {
          for (std::int64_t i = 0; i < c; ++i)
            dx[i] =
                static_cast<float>(dloss * element_slope(op, x[i], in[2].as<float>()[row * c + i]) / static_cast<double>(c));
        }
      }
    });
  });
}

}  // namespace tutti::native
