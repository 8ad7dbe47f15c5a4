#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "tutti/base/error.h"
#include "tutti/base/philox.h"
#include "tutti/ensemble/calibration.h"
#include "tutti/ensemble/combine.h"
#include "tutti/ensemble/ensemble.h"
#include "tutti/ensemble/statistics.h"
#include "tutti/ensemble/weights.h"

namespace tutti {
namespace {

using testing::HasSubstr;

struct ArticleImage {
  int answer = -1;
  std::map<std::string, std::vector<double>> rows;  // percent
};

std::vector<ArticleImage> read_article() {
  std::ifstream file(TUTTI_SOURCE_DIR "/tests/golden/article_ensemble.csv");
  std::vector<ArticleImage> images;
  std::string line, cell;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    std::vector<std::string> fields;
    while (std::getline(cells, cell, ',')) fields.push_back(cell);
    images.resize(static_cast<std::size_t>(std::stoi(fields[0])));
    ArticleImage& image = images.back();
    if (!fields[2].empty()) image.answer = std::stoi(fields[2]);
    for (std::size_t i = 3; i < fields.size(); ++i) image.rows[fields[1]].push_back(std::stod(fields[i]));
  }
  return images;
}

// The article's member rows are probability x accuracy in percent.
TEST(Combine, GivesTheArticlesEnsemble) {
  const std::vector<std::pair<std::string, double>> members = {
      {"cntk", 0.7712121212121212}, {"tensorflow", 0.7719191919432746}, {"theano", 0.7845454545213718}};
  const std::vector<ArticleImage> images = read_article();
  ASSERT_EQ(images.size(), 10u);
  std::vector<Tensor> predictions;
  std::vector<double> accuracies;
  for (const auto& [name, accuracy] : members) {
    Tensor probabilities({10, 10});
    for (std::size_t i = 0; i < 10; ++i)
      for (std::size_t c = 0; c < 10; ++c)
        probabilities.data<float>()[i * 10 + c] = static_cast<float>(images[i].rows.at(name)[c] / 100 / accuracy);
    predictions.push_back(probabilities);
    accuracies.push_back(accuracy);
  }
  const Tensor ensemble = combine(predictions, accuracy_weights(accuracies));
  const auto classes = argmax_rows(ensemble);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(classes[i], images[i].answer);
    // Each of the three rows and the result are rounded to 0.001: the error is at most 0.0005 * (3 / 2.328 + 1).
    for (std::size_t c = 0; c < 10; ++c)
      EXPECT_NEAR(100 * ensemble.data<float>()[i * 10 + c], images[i].rows.at("ensemble")[c], 0.00115) << i << " " << c;
  }
}

TEST(Combine, WeighsUniformlyOrAsGiven) {
  const std::vector<Tensor> predictions = {Tensor::of<float>({1, 2}, {1.f, 0.f}), Tensor::of<float>({1, 2}, {0.f, 1.f})};
  const std::vector<double> accuracies = {0.9, 0.3};
  EXPECT_FLOAT_EQ(combine(predictions, std::vector<double>{1.0, 1.0}).data<float>()[0], 0.5f);
  EXPECT_FLOAT_EQ(combine(predictions, accuracy_weights(accuracies)).data<float>()[0], 0.75f);
  EXPECT_THROW(combine(predictions, std::vector<double>{1.0}), Error);
  EXPECT_THROW(combine(predictions, std::vector<double>{1.0, -1.0}), Error);
  EXPECT_THROW(combine(predictions, std::vector<double>{0.0, 0.0}), Error);
  EXPECT_THROW(combine({}, {}), Error);
  const std::vector<Tensor> unlike = {Tensor({1, 2}), Tensor({1, 3})};
  EXPECT_THROW(combine(unlike, std::vector<double>{1.0, 1.0}), Error);
  EXPECT_THROW(accuracy_weights(std::vector<double>{78.0}), Error);
  EXPECT_THROW(accuracy_weights(std::vector<double>{0.0, 0.0}), Error);
  EXPECT_THROW(weight_rule_of_name("median"), Error);
}

TEST(Combine, ReadsAccuraciesFromFileNames) {
  EXPECT_EQ(accuracy_in_file_name("/nfs/theano_0.7845454545213718_model.hdf5"), 0.7845454545213718);
  EXPECT_EQ(accuracy_in_file_name(model_file_name("native", 0.7712)), 0.7712);
  EXPECT_EQ(model_file_name("native", 1.0), "native_1.0_model.h5");
  for (const char* name : {"model.h5", "my_model.h5", "a_b_model.h5", "a_1.5_model.h5", "a_0.5x_model.h5", "a__model.h5"})
    EXPECT_FALSE(accuracy_in_file_name(name)) << name;
}

TEST(Combine, WritesCsvAsPythonDoes) {
  const Tensor probabilities = Tensor::of<float>({2, 3}, {0.25f, 0.7f, 3.9e-05f, 1.f, 0.f, 0.1f});
  EXPECT_EQ(preds_csv(probabilities), "0.25,0.7,3.9e-05\n1.0,0.0,0.1\n");
  EXPECT_EQ(pred_csv(probabilities), "prediction,rate\n1,0.7\n0,1.0\n");
  EXPECT_THROW(preds_csv(Tensor({3})), Error);
}

// R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3.
TEST(Statistics, WilsonInterval) {
  const Interval middle = wilson_interval(81, 263);
  EXPECT_NEAR(middle.low, 0.2553, 5e-5);
  EXPECT_NEAR(middle.high, 0.3662, 5e-5);
  const Interval none = wilson_interval(0, 20);
  EXPECT_EQ(none.low, 0.0);
  EXPECT_NEAR(none.high, 0.1611, 5e-5);
  EXPECT_EQ(wilson_interval(0, 0).high, 1.0);
}

TEST(Statistics, McNemarIsTheTwoSidedBinomialTest) {
  EXPECT_EQ(mcnemar_p_value(0, 0), 1.0);
  EXPECT_EQ(mcnemar_p_value(3, 3), 1.0);
  EXPECT_NEAR(mcnemar_p_value(0, 5), 2.0 / 32, 1e-12);
  EXPECT_NEAR(mcnemar_p_value(2, 8), 2.0 * (1 + 10 + 45) / 1024, 1e-12);
  EXPECT_NEAR(mcnemar_p_value(8, 2), mcnemar_p_value(2, 8), 1e-15);
  EXPECT_GT(mcnemar_p_value(5000, 5010), 0.9);
}

TEST(Statistics, ScoresPredictions) {
  const Tensor probabilities = Tensor::of<float>({3, 2}, {0.75f, 0.25f, 0.5f, 0.5f, 1.f, 0.f});
  const Tensor labels = Tensor::of<std::int32_t>({3}, {0, 1, 1});
  const Score result = score(probabilities, labels);
  EXPECT_EQ(result.correct, 1);
  EXPECT_NEAR(result.accuracy, 1.0 / 3, 1e-12);
  EXPECT_NEAR(result.brier, (0.125 + 0.5 + 2.0) / 3, 1e-6);
  EXPECT_NEAR(result.log_loss, (-std::log(0.75) - std::log(0.5) - std::log(1e-7)) / 3, 1e-6);
  EXPECT_THROW(score(probabilities, Tensor::of<std::int32_t>({3}, {0, 1, 2})), Error);
  EXPECT_THROW(score(probabilities, Tensor::of<std::int32_t>({2}, {0, 1})), Error);
}

TEST(Statistics, SaysInWordsWhatTheGainIs) {
  Score ensemble{.samples = 100, .correct = 80, .accuracy = 0.80}, best{.samples = 100, .correct = 78, .accuracy = 0.78};
  EXPECT_THAT(compare_sentence(ensemble, "native-1", best, {.only_first = 5, .only_second = 3, .p_value = 0.7266}),
              HasSubstr("by 2.00 points: within noise on 100 images (McNemar p = 0.7266)"));
  EXPECT_THAT(compare_sentence(ensemble, "native-1", best, {.only_first = 50, .only_second = 3, .p_value = 1e-9}),
              HasSubstr("more than chance (McNemar p < 0.0001)"));
  EXPECT_THAT(compare_sentence(best, "native-1", ensemble, {.p_value = 0.5}), HasSubstr("is worse than"));
  EXPECT_THAT(compare_sentence(best, "native-1", best, {}), HasSubstr("is as accurate as"));
}

TEST(Statistics, CalibrationErrorIsTheGapBetweenConfidenceAndAccuracy) {
  // Two bins: (0.4, 0.6] has confidence 0.55 and accuracy 1, (0.8, 1] has 0.95 and 1/3.
  const Tensor probabilities = Tensor::of<float>({4, 2}, {0.55f, 0.45f, 0.05f, 0.95f, 0.95f, 0.05f, 0.95f, 0.05f});
  const Tensor labels = Tensor::of<std::int32_t>({4}, {0, 0, 1, 0});
  const std::vector<ReliabilityBin> bins = reliability(probabilities, labels, 5);
  ASSERT_EQ(bins.size(), 5u);
  EXPECT_EQ(bins[2].samples, 1);
  EXPECT_NEAR(bins[2].confidence, 0.55, 1e-6);
  EXPECT_EQ(bins[2].accuracy, 1.0);
  EXPECT_EQ(bins[4].samples, 3);
  EXPECT_NEAR(bins[4].accuracy, 1.0 / 3, 1e-12);
  EXPECT_NEAR(expected_calibration_error(bins), (0.45 + 3 * (0.95 - 1.0 / 3)) / 4, 1e-6);
  EXPECT_EQ(reliability(Tensor::of<float>({1, 2}, {1.f, 0.f}), Tensor::of<std::int32_t>({1}, {0}), 10)[9].samples, 1);
  EXPECT_THROW(reliability(probabilities, labels, 0), Error);
}

TEST(Statistics, ComparesClassifiersPairByPair) {
  const Tensor labels = Tensor::of<std::int32_t>({4}, {0, 0, 1, 1});
  const std::vector<Tensor> predictions = {
      Tensor::of<float>({4, 2}, {0.9f, 0.1f, 0.2f, 0.8f, 0.2f, 0.8f, 0.9f, 0.1f}),   // right, wrong, right, wrong
      Tensor::of<float>({4, 2}, {0.9f, 0.1f, 0.9f, 0.1f, 0.9f, 0.1f, 0.9f, 0.1f})};  // right, right, wrong, wrong
  const Diversity pairs = diversity(predictions, labels);
  EXPECT_EQ(pairs.disagreement[0][1], 0.5);
  EXPECT_EQ(pairs.disagreement[1][1], 0.0);
  EXPECT_EQ(pairs.double_fault[1][0], 0.25);
  EXPECT_EQ(pairs.double_fault[0][0], 0.5);
}

// Predictions of `samples` samples of two classes, whose label is drawn with the first column's probability.
struct Drawn {
  Tensor probabilities, labels;
};
Drawn draw_calibrated(std::int64_t samples) {
  Drawn drawn{Tensor({samples, 2}), Tensor({samples}, DType::kInt32)};
  const Philox random(7, 1, 0);
  for (std::size_t n = 0; n < static_cast<std::size_t>(samples); ++n) {
    const float p = 0.02f + 0.96f * random.uniform(2 * n);
    drawn.probabilities.data<float>()[2 * n] = p;
    drawn.probabilities.data<float>()[2 * n + 1] = 1 - p;
    drawn.labels.data<std::int32_t>()[n] = random.uniform(2 * n + 1) < p ? 0 : 1;
  }
  return drawn;
}

TEST(Calibration, FindsTheTemperatureThatWasTakenAway) {
  const Drawn drawn = draw_calibrated(20'000);
  const double own = fit_temperature(drawn.probabilities, drawn.labels);
  EXPECT_NEAR(own, 1.0, 0.05);
  const Tensor sure = scale_temperature(drawn.probabilities, 0.25);
  EXPECT_NEAR(fit_temperature(sure, drawn.labels), 4 * own, 0.02);
  EXPECT_LT(score(scale_temperature(sure, 4 * own), drawn.labels).calibration_error, 0.02);
  EXPECT_GT(score(sure, drawn.labels).calibration_error, 0.1);
  EXPECT_EQ(argmax_rows(sure), argmax_rows(drawn.probabilities));
}

TEST(Calibration, StaysInItsRange) {
  const Tensor right = Tensor::of<float>({2, 2}, {0.6f, 0.4f, 0.4f, 0.6f});
  EXPECT_NEAR(fit_temperature(right, Tensor::of<std::int32_t>({2}, {0, 1})), 0.05, 1e-9);
  EXPECT_NEAR(fit_temperature(right, Tensor::of<std::int32_t>({2}, {1, 0})), 20, 1e-9);
  EXPECT_EQ(fit_temperature(Tensor({0, 2}), Tensor({0}, DType::kInt32)), 1.0);
  const Tensor hard = Tensor::of<float>({1, 2}, {1.f, 0.f});
  EXPECT_EQ(scale_temperature(hard, 3).data<float>()[0], 1.f);
  EXPECT_THROW(scale_temperature(hard, 0), Error);
  EXPECT_THROW(scale_temperature(Tensor({2}), 1), Error);
}

TEST(Weights, LikelihoodHasTheClosedFormOfTwoOpposedMembers) {
  // The first member gives the label 0.8 on 3 of 4 samples and 0.2 on the other, the second the opposite: with the weight w the
  // mixture gives 0.2 + 0.6 w and 0.8 - 0.6 w, and 3 ln(0.2 + 0.6 w) + ln(0.8 - 0.6 w) is largest at 0.2 + 0.6 w = 3/4.
  const std::vector<Tensor> predictions = {Tensor::of<float>({4, 2}, {0.8f, 0.2f, 0.8f, 0.2f, 0.8f, 0.2f, 0.2f, 0.8f}),
                                           Tensor::of<float>({4, 2}, {0.2f, 0.8f, 0.2f, 0.8f, 0.2f, 0.8f, 0.8f, 0.2f})};
  const Tensor labels = Tensor::of<std::int32_t>({4}, {0, 0, 0, 0});
  const std::vector<double> weights = ensemble_weights(WeightRule::kLikelihood, predictions, labels);
  EXPECT_NEAR(weights[0], 0.55 / 0.6, 2e-3);
  EXPECT_NEAR(weights[0] + weights[1], 1.0, 1e-12);
  const std::vector<double> greedy = ensemble_weights(WeightRule::kGreedy, predictions, labels);
  EXPECT_NEAR(greedy[0], 0.55 / 0.6, 0.01);
  EXPECT_NEAR(ensemble_weights(WeightRule::kAccuracy, predictions, labels)[0], 0.75, 1e-12);
  EXPECT_EQ(ensemble_weights(WeightRule::kUniform, predictions, labels)[0], 0.5);
}

TEST(Weights, LeavesOutAMemberThatOnlyHarms) {
  const Drawn drawn = draw_calibrated(2'000);
  Tensor noise(drawn.probabilities.shape());
  const Philox random(8, 1, 0);
  for (std::size_t n = 0; n < 2'000; ++n) {
    noise.data<float>()[2 * n] = 0.001f + 0.998f * random.uniform(n);
    noise.data<float>()[2 * n + 1] = 1 - noise.data<float>()[2 * n];
  }
  const std::vector<Tensor> predictions = {noise, drawn.probabilities};
  for (const WeightRule rule : {WeightRule::kLikelihood, WeightRule::kGreedy}) {
    const std::vector<double> weights = ensemble_weights(rule, predictions, drawn.labels);
    EXPECT_LT(weights[0], 0.03);
    const double mixed = score(combine(predictions, weights), drawn.labels).log_loss;
    EXPECT_LE(mixed, score(drawn.probabilities, drawn.labels).log_loss + 1e-6);
  }
}

TEST(Weights, RefusesWhatDoesNotFit) {
  const Tensor labels = Tensor::of<std::int32_t>({1}, {0});
  const std::vector<Tensor> unlike = {Tensor({1, 2}), Tensor({1, 3})};
  EXPECT_THROW(ensemble_weights(WeightRule::kLikelihood, unlike, labels), Error);
  EXPECT_THROW(ensemble_weights(WeightRule::kUniform, {}, labels), Error);
  // Nobody is right: nothing tells the members apart.
  const std::vector<Tensor> wrong = {Tensor::of<float>({1, 2}, {0.f, 1.f}), Tensor::of<float>({1, 2}, {0.1f, 0.9f})};
  EXPECT_EQ(ensemble_weights(WeightRule::kAccuracy, wrong, labels)[0], 0.5);
}

TEST(Ensemble, CalibratesItsMembersAndItself) {
  const Drawn drawn = draw_calibrated(5'000);
  const std::vector<Tensor> predictions = {scale_temperature(drawn.probabilities, 0.5),
                                           scale_temperature(drawn.probabilities, 2)};
  const Ensemble plain = fit_ensemble(predictions, drawn.labels, {.weights = WeightRule::kUniform});
  EXPECT_EQ(plain.temperatures, (std::vector<double>{1.0, 1.0}));
  EXPECT_EQ(plain.temperature, 1.0);
  const Ensemble calibrated = fit_ensemble(
      predictions, drawn.labels, {.weights = WeightRule::kUniform, .calibrate_members = true, .calibrate_ensemble = true});
  EXPECT_NEAR(calibrated.temperatures[0] / calibrated.temperatures[1], 4, 0.01);
  EXPECT_NEAR(calibrated.temperature, 1, 0.01);
  EXPECT_LT(score(calibrated.predict(predictions), drawn.labels).log_loss,
            score(plain.predict(predictions), drawn.labels).log_loss);
  EXPECT_THROW(plain.predict(std::vector<Tensor>{predictions[0]}), Error);
}

}  // namespace
}  // namespace tutti
