#include "tutti/ensemble/weights.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "tutti/base/error.h"
#include "tutti/ensemble/statistics.h"

namespace tutti {
namespace {

// As score() clips: a class that a member holds impossible is not infinitely bad.
constexpr double kEpsilon = 1e-7;

constexpr std::string_view kRules[] = {"uniform", "accuracy", "likelihood", "greedy"};

void check(std::span<const Tensor> predictions, const Tensor& labels) {
  if (predictions.empty()) fail("ensemble", "there are no predictions to weigh.");
  for (const Tensor& prediction : predictions) {
    check_predictions(prediction, labels);
    if (prediction.type() != predictions.front().type())
      fail("ensemble", "models must give the same shape. Expected {}. Got {}.", to_string(predictions.front().type()),
           to_string(prediction.type()));
  }
}

// likelihood[i][n]: the probability that member i gives the true class of sample n.
std::vector<std::vector<double>> likelihoods_of(std::span<const Tensor> predictions, const Tensor& labels) {
  const auto y = labels.data<std::int32_t>();
  std::vector<std::vector<double>> result;
  for (const Tensor& prediction : predictions) {
    const auto classes = static_cast<std::size_t>(prediction.shape()[1]);
    const auto p = prediction.data<float>();
    std::vector<double>& column = result.emplace_back(y.size());
    for (std::size_t n = 0; n < y.size(); ++n) {
      const auto row = p.subspan(n * classes, classes);
      const double sum = std::accumulate(row.begin(), row.end(), 0.0);
      column[n] = std::clamp(static_cast<double>(row[static_cast<std::size_t>(y[n])]) / sum, kEpsilon, 1 - kEpsilon);
    }
  }
  return result;
}

std::vector<double> normalised(std::vector<double> weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

std::vector<double> uniform_weights(std::size_t members) {
  return std::vector<double>(members, 1.0 / static_cast<double>(members));
}

}  // namespace

WeightRule weight_rule_of_name(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kRules); ++i)
    if (kRules[i] == name) return static_cast<WeightRule>(i);
  fail("ensemble", "unknown weights '{}'. Expected {}.", name, fmt::join(kRules, ", "));
}
std::string_view name_of(WeightRule rule) { return kRules[static_cast<std::size_t>(rule)]; }

std::vector<double> ensemble_weights(WeightRule rule, std::span<const Tensor> predictions, const Tensor& labels) {
  check(predictions, labels);
  switch (rule) {
    case WeightRule::kUniform:
      break;
    case WeightRule::kAccuracy: {
      std::vector<double> accuracies;
      for (const Tensor& prediction : predictions) accuracies.push_back(score(prediction, labels).accuracy);
      if (std::ranges::any_of(accuracies, [](double accuracy) { return accuracy > 0; })) return accuracy_weights(accuracies);
      break;
    }
    case WeightRule::kLikelihood:
      return likelihood_weights(predictions, labels);
    case WeightRule::kGreedy:
      return greedy_weights(predictions, labels);
  }
  return uniform_weights(predictions.size());
}

std::vector<double> accuracy_weights(std::span<const double> accuracies) {
  double sum = 0;
  for (const double accuracy : accuracies) {
    if (!(accuracy >= 0 && accuracy <= 1)) fail("ensemble", "an accuracy must be between 0 and 1. Got {}.", accuracy);
    sum += accuracy;
  }
  if (!(sum > 0)) fail("ensemble", "all accuracies are 0, so they cannot be weights. Expected weights: uniform.");
  return normalised({accuracies.begin(), accuracies.end()});
}

std::vector<double> likelihood_weights(std::span<const Tensor> predictions, const Tensor& labels) {
  check(predictions, labels);
  constexpr double kGap = 1e-6;
  constexpr int kRounds = 10'000;
  const auto likelihoods = likelihoods_of(predictions, labels);
  const std::size_t samples = likelihoods.front().size();
  std::vector<double> weights = uniform_weights(predictions.size());
  if (samples == 0) return weights;
  for (int round = 0; round < kRounds; ++round) {
    // gradient[i] = mean_n p_i(y_n) / sum_j w_j p_j(y_n): at the optimum none is above 1.
    std::vector<double> gradient(weights.size(), 0.0);
    for (std::size_t n = 0; n < samples; ++n) {
      double mixture = 0;
      for (std::size_t i = 0; i < weights.size(); ++i) mixture += weights[i] * likelihoods[i][n];
      for (std::size_t i = 0; i < weights.size(); ++i) gradient[i] += likelihoods[i][n] / mixture;
    }
    for (double& part : gradient) part /= static_cast<double>(samples);
    if (*std::ranges::max_element(gradient) - 1 < kGap) break;
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] *= gradient[i];
  }
  return normalised(weights);
}

std::vector<double> greedy_weights(std::span<const Tensor> predictions, const Tensor& labels, int rounds) {
  check(predictions, labels);
  const auto likelihoods = likelihoods_of(predictions, labels);
  const std::size_t samples = likelihoods.front().size();
  std::vector<double> sum(samples, 0.0), counts(predictions.size(), 0.0), best_counts;
  double best = std::numeric_limits<double>::infinity();
  for (int round = 1; round <= rounds; ++round) {
    std::size_t chosen = 0;
    double lowest = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < predictions.size(); ++i) {
      double loss = 0;
      for (std::size_t n = 0; n < samples; ++n) loss -= std::log((sum[n] + likelihoods[i][n]) / round);
      if (loss < lowest) {
        lowest = loss;
        chosen = i;
      }
    }
    for (std::size_t n = 0; n < samples; ++n) sum[n] += likelihoods[chosen][n];
    counts[chosen] += 1;
    if (lowest < best) {
      best = lowest;
      best_counts = counts;
    }
  }
  return best_counts.empty() ? uniform_weights(predictions.size()) : normalised(best_counts);
}

}  // namespace tutti
