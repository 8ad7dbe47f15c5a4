#include "tutti/ensemble/calibration.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tutti/base/error.h"
#include "tutti/ensemble/statistics.h"

namespace tutti {
namespace {

// The smallest positive normal float: a probability that was rounded to 0 is not infinitely unlikely.
constexpr double kSmallest = 1.1754943508222875e-38;

// ln p of one row, less the largest.
void log_row(std::span<const float> row, std::vector<double>& logits) {
  logits.resize(row.size());
  for (std::size_t c = 0; c < row.size(); ++c) logits[c] = std::log(std::max(static_cast<double>(row[c]), kSmallest));
  const double largest = *std::ranges::max_element(logits);
  for (double& logit : logits) logit -= largest;
}

// d log loss / d (1/temperature), summed over the samples: expected minus actual logit.
double slope(const Tensor& probabilities, const Tensor& labels, double inverse) {
  const auto classes = static_cast<std::size_t>(probabilities.shape()[1]);
  const auto p = probabilities.data<float>();
  const auto y = labels.data<std::int32_t>();
  std::vector<double> logits;
  double total = 0;
  for (std::size_t n = 0; n < y.size(); ++n) {
    log_row(p.subspan(n * classes, classes), logits);
    double sum = 0, weighted = 0;
    for (const double logit : logits) {
      const double mass = std::exp(inverse * logit);
      sum += mass;
      weighted += mass * logit;
    }
    total += weighted / sum - logits[static_cast<std::size_t>(y[n])];
  }
  return total;
}

}  // namespace

Tensor scale_temperature(const Tensor& probabilities, double temperature) {
  if (!(temperature > 0) || !std::isfinite(temperature))
    fail("calibration", "a temperature must be positive. Got {}.", temperature);
  if (probabilities.shape().rank() != 2 || probabilities.dtype() != DType::kFloat32)
    fail("calibration", "expected probabilities float32 (n, classes). Got {}.", to_string(probabilities.type()));
  if (temperature == 1.0) return probabilities;
  Tensor result(probabilities.shape());
  const auto classes = static_cast<std::size_t>(probabilities.shape()[1]);
  const auto in = probabilities.data<float>();
  const auto out = result.data<float>();
  std::vector<double> logits;
  for (std::size_t begin = 0; begin < in.size(); begin += classes) {
    log_row(in.subspan(begin, classes), logits);
    double sum = 0;
    for (double& logit : logits) sum += logit = std::exp(logit / temperature);
    for (std::size_t c = 0; c < classes; ++c) out[begin + c] = static_cast<float>(logits[c] / sum);
  }
  return result;
}

double fit_temperature(const Tensor& probabilities, const Tensor& labels) {
  check_predictions(probabilities, labels);
  if (labels.elements() == 0) return 1.0;
  constexpr double kRange = 20;
  double low = 1 / kRange, high = kRange;  // of 1/temperature
  if (slope(probabilities, labels, low) >= 0) return 1 / low;
  if (slope(probabilities, labels, high) <= 0) return 1 / high;
  // 40 halvings of the logarithm: twelve digits.
  for (int round = 0; round < 40; ++round) {
    const double middle = std::sqrt(low * high);
    (slope(probabilities, labels, middle) < 0 ? low : high) = middle;
  }
  return 1 / std::sqrt(low * high);
}

}  // namespace tutti
