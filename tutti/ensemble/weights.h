// How much each member counts: weights from the predictions of the validation split.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "tutti/tensor/tensor.h"

namespace tutti {

enum class WeightRule {
  kUniform,     // all alike
  kAccuracy,    // by the accuracy, the article's rule
  kLikelihood,  // the mixture that makes the labels likeliest
  kGreedy,      // greedy selection with replacement
};
// "uniform", "accuracy", "likelihood", "greedy". Error for another name.
WeightRule weight_rule_of_name(std::string_view name);
std::string_view name_of(WeightRule rule);

// By that rule, of sum 1. predictions: a float32 (n, classes) a member; labels int32 (n,). Where accuracy cannot tell the
// members apart (none is right on any sample), uniform. Error if shapes differ or there are no members.
std::vector<double> ensemble_weights(WeightRule rule, std::span<const Tensor> predictions, const Tensor& labels);

// Proportional to the accuracies, of sum 1. Error if one is not in [0, 1] or if all are 0.
std::vector<double> accuracy_weights(std::span<const double> accuracies);

// The weights w on the simplex that maximise sum_n ln(sum_i w_i p_i(y_n)), which is concave, by expectation maximisation:
// w_i <- mean_n w_i p_i(y_n) / sum_j w_j p_j(y_n). Stops when the mean log likelihood is within 1e-6 of the largest possible
// (the gradient's largest part bounds the rest: B. G. Lindsay, Annals of Statistics 11 (1983), 86-94), or after 10,000 rounds.
std::vector<double> likelihood_weights(std::span<const Tensor> predictions, const Tensor& labels);

// Begins with nothing, adds the member that lowers the log loss of the average most, `rounds` times, a member as often as it
// helps, and keeps the best average on the way: the weights are how often each was taken. R. Caruana et al., "Ensemble
// Selection from Libraries of Models", ICML 2004.
std::vector<double> greedy_weights(std::span<const Tensor> predictions, const Tensor& labels, int rounds = 100);

}  // namespace tutti
