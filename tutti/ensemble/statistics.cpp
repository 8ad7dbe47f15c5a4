#include "tutti/ensemble/statistics.h"

#include <algorithm>
#include <cmath>

#include "tutti/base/error.h"
#include "tutti/ensemble/combine.h"

namespace tutti {
namespace {

constexpr double kLevel = 0.05;

// ln of the binomial coefficient n over k.
double log_choose(double n, double k) { return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1); }

// Which samples' likeliest class is the true one.
std::vector<bool> hits_of(const Tensor& probabilities, const Tensor& labels) {
  const std::vector<std::int64_t> classes = argmax_rows(probabilities);
  const auto y = labels.data<std::int32_t>();
  std::vector<bool> hits(y.size());
  for (std::size_t n = 0; n < y.size(); ++n) hits[n] = classes[n] == y[n];
  return hits;
}

}  // namespace

void check_predictions(const Tensor& probabilities, const Tensor& labels) {
  if (probabilities.shape().rank() != 2 || probabilities.dtype() != DType::kFloat32)
    fail("statistics", "expected probabilities float32 (n, classes). Got {}.", to_string(probabilities.type()));
  if (labels.dtype() != DType::kInt32 || labels.shape() != Shape{probabilities.shape()[0]})
    fail("statistics", "expected labels int32 ({},). Got {}.", probabilities.shape()[0], to_string(labels.type()));
  for (const std::int32_t label : labels.data<std::int32_t>())
    if (label < 0 || label >= probabilities.shape()[1])
      fail("statistics", "a label must be a class from 0 to {}. Got {}.", probabilities.shape()[1] - 1, label);
}

Interval wilson_interval(std::int64_t successes, std::int64_t total) {
  if (total <= 0) return {0.0, 1.0};
  constexpr double z = 1.959963984540054;  // the normal distribution's 97.5 % point
  const double n = static_cast<double>(total);
  const double p = static_cast<double>(successes) / n;
  const double centre = p + z * z / (2 * n);
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  return {std::max(0.0, (centre - half) / scale), std::min(1.0, (centre + half) / scale)};
}

bool same_labels(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && a.dtype() == DType::kInt32 &&
         std::ranges::equal(a.data<std::int32_t>(), b.data<std::int32_t>());
}

Score score(const Tensor& probabilities, const Tensor& labels) {
  check_predictions(probabilities, labels);
  Score result{.samples = probabilities.shape()[0]};
  if (result.samples == 0) return result;
  constexpr double kEpsilon = 1e-7;
  const auto classes = static_cast<std::size_t>(probabilities.shape()[1]);
  const auto p = probabilities.data<float>();
  const auto y = labels.data<std::int32_t>();
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto row = p.subspan(i * classes, classes);
    const auto label = static_cast<std::size_t>(y[i]);
    const auto predicted = static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    result.correct += predicted == label ? 1 : 0;
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      const double difference = static_cast<double>(row[c]) - (c == label ? 1.0 : 0.0);
      result.brier += difference * difference;
      sum += static_cast<double>(row[c]);
    }
    result.log_loss -= std::log(std::clamp(static_cast<double>(row[label]) / sum, kEpsilon, 1 - kEpsilon));
  }
  const double n = static_cast<double>(result.samples);
  result.accuracy = static_cast<double>(result.correct) / n;
  result.interval = wilson_interval(result.correct, result.samples);
  result.log_loss /= n;
  result.brier /= n;
  result.calibration_error = expected_calibration_error(reliability(probabilities, labels));
  return result;
}

bool McNemar::more_than_chance() const { return p_value < kLevel; }

std::string McNemar::text() const {
  return p_value < 0.0001 ? "McNemar p < 0.0001" : fmt::format("McNemar p = {:.4f}", p_value);
}

double mcnemar_p_value(std::int64_t only_first, std::int64_t only_second) {
  const std::int64_t n = only_first + only_second;
  if (n == 0) return 1.0;
  double tail = 0;
  for (std::int64_t k = 0; k <= std::min(only_first, only_second); ++k)
    tail += std::exp(log_choose(static_cast<double>(n), static_cast<double>(k)) - static_cast<double>(n) * std::log(2.0));
  return std::min(1.0, 2 * tail);
}

McNemar mcnemar(const Tensor& first, const Tensor& second, const Tensor& labels) {
  check_predictions(first, labels);
  check_predictions(second, labels);
  const auto a = argmax_rows(first), b = argmax_rows(second);
  const auto y = labels.data<std::int32_t>();
  McNemar result;
  for (std::size_t i = 0; i < y.size(); ++i) {
    result.only_first += a[i] == y[i] && b[i] != y[i] ? 1 : 0;
    result.only_second += b[i] == y[i] && a[i] != y[i] ? 1 : 0;
  }
  result.p_value = mcnemar_p_value(result.only_first, result.only_second);
  return result;
}

std::vector<ReliabilityBin> reliability(const Tensor& probabilities, const Tensor& labels, int bins) {
  check_predictions(probabilities, labels);
  if (bins < 1) fail("statistics", "expected at least one bin. Got {}.", bins);
  std::vector<ReliabilityBin> result(static_cast<std::size_t>(bins));
  const auto classes = static_cast<std::size_t>(probabilities.shape()[1]);
  const auto p = probabilities.data<float>();
  const auto y = labels.data<std::int32_t>();
  for (std::size_t n = 0; n < y.size(); ++n) {
    const auto row = p.subspan(n * classes, classes);
    const auto largest = std::ranges::max_element(row);
    const double confidence = std::clamp(static_cast<double>(*largest), 0.0, 1.0);
    const double place = std::ceil(confidence * bins) - 1;
    // Written so that NaN falls into the first bin.
    ReliabilityBin& bin = result[place > 0 ? static_cast<std::size_t>(std::min(place, static_cast<double>(bins - 1))) : 0];
    ++bin.samples;
    bin.confidence += confidence;
    bin.accuracy += largest - row.begin() == y[n] ? 1 : 0;
  }
  for (ReliabilityBin& bin : result) {
    if (bin.samples == 0) continue;
    bin.confidence /= static_cast<double>(bin.samples);
    bin.accuracy /= static_cast<double>(bin.samples);
  }
  return result;
}

double expected_calibration_error(const std::vector<ReliabilityBin>& bins) {
  double sum = 0, samples = 0;
  for (const ReliabilityBin& bin : bins) {
    sum += static_cast<double>(bin.samples) * std::abs(bin.accuracy - bin.confidence);
    samples += static_cast<double>(bin.samples);
  }
  return samples > 0 ? sum / samples : 0.0;
}

Diversity diversity(std::span<const Tensor> predictions, const Tensor& labels) {
  std::vector<std::vector<bool>> hits;
  for (const Tensor& prediction : predictions) {
    check_predictions(prediction, labels);
    hits.push_back(hits_of(prediction, labels));
  }
  const std::size_t members = hits.size();
  Diversity result;
  result.disagreement.assign(members, std::vector<double>(members, 0.0));
  result.double_fault = result.disagreement;
  const double samples = std::max(1.0, static_cast<double>(labels.elements()));
  for (std::size_t i = 0; i < members; ++i)
    for (std::size_t j = 0; j < members; ++j) {
      double differ = 0, both = 0;
      for (std::size_t n = 0; n < hits[i].size(); ++n) {
        differ += hits[i][n] != hits[j][n] ? 1 : 0;
        both += !hits[i][n] && !hits[j][n] ? 1 : 0;
      }
      result.disagreement[i][j] = differ / samples;
      result.double_fault[i][j] = both / samples;
    }
  return result;
}

std::string compare_sentence(const Score& ensemble, std::string_view best_name, const Score& best, const McNemar& test) {
  const double points = 100 * (ensemble.accuracy - best.accuracy);
  const std::string both = fmt::format("The ensemble ({:.2f} %) {{}} the best member, {} ({:.2f} %)", 100 * ensemble.accuracy,
                                       best_name, 100 * best.accuracy);
  if (ensemble.correct == best.correct) return fmt::format(fmt::runtime(both), "is as accurate as") + ".";
  const std::string verdict = fmt::format(fmt::runtime(both), points > 0 ? "is better than" : "is worse than") +
                              fmt::format(", by {:.2f} points", std::abs(points));
  if (test.more_than_chance()) return verdict + fmt::format(": more than chance ({}).", test.text());
  return verdict + fmt::format(": within noise on {} images ({}).", ensemble.samples, test.text());
}

}  // namespace tutti
