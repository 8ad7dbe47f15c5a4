#include <algorithm>
#include <cmath>
#include <numbers>

#include "tutti/base/error.h"
#include "tutti/engines/reference/kernels.h"

namespace tutti::reference {
namespace {

constexpr double kSeluScale = 1.0507009873554805, kSeluAlpha = 1.6732632423543772;
// Hendrycks, Gimpel, "Gaussian error linear units" (2016): gelu(x) ~ x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
constexpr double kGeluCubic = 0.044715;
constexpr double kSqrtTwoOverPi = 0.79788456080286535588;

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
// clip(x, low, high) that lets NaN through.
double clip(double x, double low, double high) { return x < low ? low : x > high ? high : x; }
double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double normal_density(double x) { return std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2; }

double activate(ActivationKind kind, double alpha, double x) {
  switch (kind) {
    case ActivationKind::kRelu:
      return x < 0 ? 0.0 : x;
    case ActivationKind::kRelu6:
      return clip(x, 0, 6);
    case ActivationKind::kLeakyRelu:
      return x < 0 ? alpha * x : x;
    case ActivationKind::kElu:
      return x > 0 ? x : alpha * std::expm1(x);
    case ActivationKind::kSelu:
      return kSeluScale * (x > 0 ? x : kSeluAlpha * std::expm1(x));
    case ActivationKind::kGelu:
      return x * normal_cdf(x);
    case ActivationKind::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(kSqrtTwoOverPi * (x + kGeluCubic * x * x * x)));
    case ActivationKind::kSilu:
      return x * sigmoid(x);
    case ActivationKind::kSigmoid:
      return sigmoid(x);
    case ActivationKind::kTanh:
      return std::tanh(x);
    case ActivationKind::kSoftplus:
      return softplus(x);
    case ActivationKind::kSoftsign:
      return x / (1 + std::abs(x));
    case ActivationKind::kExponential:
      return std::exp(x);
    case ActivationKind::kHardSigmoid:
      return clip(x / 6 + 0.5, 0, 1);
    case ActivationKind::kHardSigmoid2:
      return clip(0.2 * x + 0.5, 0, 1);
    case ActivationKind::kHardSilu:
      return x * clip(x / 6 + 0.5, 0, 1);
    case ActivationKind::kHardTanh:
      return clip(x, -1, 1);
    case ActivationKind::kMish:
      return x * std::tanh(softplus(x));
    case ActivationKind::kLogSigmoid:
      return -softplus(-x);
    case ActivationKind::kCelu:
      return x > 0 ? x : alpha * std::expm1(x / alpha);
  }
  return x;
}

// dy/dx written in x.
double slope_at_input(ActivationKind kind, double alpha, double x) {
  switch (kind) {
    case ActivationKind::kRelu:
      return x > 0 ? 1 : 0;
    case ActivationKind::kRelu6:
      return x > 0 && x < 6 ? 1 : 0;
    case ActivationKind::kLeakyRelu:
      return x > 0 ? 1 : alpha;
    case ActivationKind::kElu:
      return x > 0 ? 1 : alpha * std::exp(x);
    case ActivationKind::kSelu:
      return kSeluScale * (x > 0 ? 1 : kSeluAlpha * std::exp(x));
    case ActivationKind::kGelu:
      return normal_cdf(x) + x * normal_density(x);
    case ActivationKind::kGeluTanh: {
      const double t = std::tanh(kSqrtTwoOverPi * (x + kGeluCubic * x * x * x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kSqrtTwoOverPi * (1 + 3 * kGeluCubic * x * x);
    }
    case ActivationKind::kSilu: {
      const double s = sigmoid(x);
      return s + x * s * (1 - s);
    }
    case ActivationKind::kSigmoid:
      return sigmoid(x) * sigmoid(-x);
    case ActivationKind::kTanh:
      return 1 - std::tanh(x) * std::tanh(x);
    case ActivationKind::kSoftplus:
      return sigmoid(x);
    case ActivationKind::kSoftsign:
      return 1 / ((1 + std::abs(x)) * (1 + std::abs(x)));
    case ActivationKind::kExponential:
      return std::exp(x);
    case ActivationKind::kHardSigmoid:
      return std::abs(x) < 3 ? 1.0 / 6 : 0;
    case ActivationKind::kHardSigmoid2:
      return std::abs(x) < 2.5 ? 0.2 : 0;
    case ActivationKind::kHardSilu:
      return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    case ActivationKind::kHardTanh:
      return std::abs(x) < 1 ? 1 : 0;
    case ActivationKind::kMish: {
      const double t = std::tanh(softplus(x));
      return t + x * (1 - t * t) * sigmoid(x);
    }
    case ActivationKind::kLogSigmoid:
      return sigmoid(-x);
    case ActivationKind::kCelu:
      return x > 0 ? 1 : std::exp(x / alpha);
  }
  return 1;
}

// dy/dx written in y, for the kinds of which gradient_uses_output is true.
double slope_at_output(ActivationKind kind, double alpha, double y) {
  switch (kind) {
    case ActivationKind::kElu:
      return y > 0 ? 1 : y + alpha;
    case ActivationKind::kSelu:
      return y > 0 ? kSeluScale : y + kSeluScale * kSeluAlpha;
    case ActivationKind::kSigmoid:
      return y * (1 - y);
    case ActivationKind::kTanh:
      return 1 - y * y;
    case ActivationKind::kExponential:
      return y;
    // The rest keeps sign and bounds of x, so that the same condition tells the pieces apart.
    default:
      return slope_at_input(kind, alpha, y);
  }
}

}  // namespace

void run(const Activation& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) {
    for (std::int64_t i = 0; i < elements(in[0]); ++i)
      out[0].as<T>()[i] = static_cast<T>(activate(op.kind, op.alpha, in[0].as<T>()[i]));
  });
}

void run(const ActivationGrad& op, In in, Out out) {
  const auto slope = gradient_uses_output(op.kind) ? slope_at_output : slope_at_input;
  with_float(in[0].dtype, [&]<class T>(T) {
    for (std::int64_t i = 0; i < elements(in[0]); ++i)
      out[0].as<T>()[i] = static_cast<T>(in[0].as<T>()[i] * slope(op.kind, op.alpha, in[1].as<T>()[i]));
  });
}

}  // namespace tutti::reference
