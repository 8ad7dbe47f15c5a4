// How good predictions are, and whether a difference is more than chance.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/tensor/tensor.h"

namespace tutti {

struct Interval {
  double low = 0.0, high = 0.0;
};

// Wilson's score interval of a proportion, 95 %. E. B. Wilson, JASA 22 (1927), 209-212. {0, 1} if total is 0.
Interval wilson_interval(std::int64_t successes, std::int64_t total);

struct Score {
  std::int64_t samples = 0, correct = 0;
  double accuracy = 0.0;
  Interval interval;               // of the accuracy, 95 %
  double log_loss = 0.0;           // mean -ln p(true class); p normalised and clipped to [1e-7, 1 - 1e-7] as Keras's loss does
  double brier = 0.0;              // mean over the samples of sum over the classes (p - [class is true])^2: 0 best, 2 worst
  double calibration_error = 0.0;  // expected calibration error over the bins of reliability()
};

// Error unless probabilities is float32 (n, classes) and labels int32 (n,), each a class.
void check_predictions(const Tensor& probabilities, const Tensor& labels);

// True if both are int32 labels of the same classes in the same order: of the same images, as far as labels can tell.
bool same_labels(const Tensor& a, const Tensor& b);

// probabilities float32 (n, classes); labels int32 (n,). Error if they do not fit.
Score score(const Tensor& probabilities, const Tensor& labels);

// McNemar's test, exact: of the samples that only one of two classifiers gets right, is the share of each one half?
// Q. McNemar, Psychometrika 12 (1947), 153-157; two-sided binomial.
struct McNemar {
  std::int64_t only_first = 0, only_second = 0;  // right in one, wrong in the other
  double p_value = 1.0;
  bool more_than_chance() const;
  std::string text() const;  // "McNemar p = 0.0004"
};
McNemar mcnemar(const Tensor& first, const Tensor& second, const Tensor& labels);
double mcnemar_p_value(std::int64_t only_first, std::int64_t only_second);

// Of the samples whose likeliest class has a probability in one range: how sure the predictions are, and how often right.
struct ReliabilityBin {
  std::int64_t samples = 0;
  double confidence = 0.0, accuracy = 0.0;  // means; 0 if there are no samples
};

// Bins of equal width over (0, 1]. M. P. Naeini et al., AAAI 2015.
std::vector<ReliabilityBin> reliability(const Tensor& probabilities, const Tensor& labels, int bins = 15);
// Mean of |accuracy - confidence|, weighted by the samples of each bin.
double expected_calibration_error(const std::vector<ReliabilityBin>& bins);

// How alike classifiers are, [i][j]: shares of all samples. L. Kuncheva and C. Whitaker, Machine Learning 51 (2003), 181-207.
struct Diversity {
  std::vector<std::vector<double>> disagreement;  // where one is right and the other wrong; 0 on the diagonal
  std::vector<std::vector<double>> double_fault;  // where both are wrong; on the diagonal the error rate
};
Diversity diversity(std::span<const Tensor> predictions, const Tensor& labels);

// A plain sentence: "The ensemble (78.52 %) is better than the best member, native-1 (77.10 %), by 1.42 points: more than
// chance (McNemar p = 0.0004)."
std::string compare_sentence(const Score& ensemble, std::string_view best_name, const Score& best, const McNemar& test);

}  // namespace tutti
