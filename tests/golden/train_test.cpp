// Training against values that other programs computed: ../shared/golden/train/seed_cnn_mini (real Keras in float64).
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/shared_data.h"
#include "tutti/data/npy.h"
#include "tutti/engines/engines.h"
#include "tutti/nn/layers.h"
#include "tutti/nn/model.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

// The reference CNN with 4, 8 and 16 units, no dropout: dims and layers of info_float64.json.
Model seed_cnn_mini() {
  return Sequential({Input({32, 32, 3}), Conv2D(4, {3, 3}, {.padding = "same", .activation = "relu"}),
                     Conv2D(4, {3, 3}, {.activation = "relu"}), MaxPooling2D(),
                     Conv2D(8, {3, 3}, {.padding = "same", .activation = "relu"}), Conv2D(8, {3, 3}, {.activation = "relu"}),
                     MaxPooling2D(), Flatten(), Dense(16, {.activation = "relu"}), Dense(10, {.activation = "softmax"})});
}

// tests/golden/train holds a copy of the small files; the whole set is in shared.
fs::path golden_folder() {
  const fs::path shared = testing::shared_file("golden/train/seed_cnn_mini");
  return shared.empty() ? fs::path(TUTTI_SOURCE_DIR) / "tests/golden/train/seed_cnn_mini" : shared;
}

// The arrays of an .npz in the order of info["variables"]: "conv2d/kernel" is stored as "conv2d.kernel".
std::vector<Tensor> ordered(const std::map<std::string, Tensor>& arrays, const nlohmann::json& info) {
  std::vector<Tensor> result;
  for (const auto& variable : info["variables"]) {
    std::string name = variable[0];
    std::ranges::replace(name, '/', '.');
    result.push_back(arrays.at(name));
  }
  return result;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  const Tensor x = a.cast(DType::kFloat64), y = b.cast(DType::kFloat64);
  double largest = 0;
  for (std::size_t i = 0; i < x.data<double>().size(); ++i)
    largest = std::max(largest, std::abs(x.data<double>()[i] - y.data<double>()[i]));
  return largest;
}

// Those of info_float64.json that tutti has.
constexpr const char* kOptimizers[] = {"adam",
                                       "adam_lr01_eps1e-3",
                                       "adamw",
                                       "nadam",
                                       "sgd",
                                       "sgd_momentum",
                                       "sgd_nesterov",
                                       "sgd_weight_decay",
                                       "sgd_clipnorm",
                                       "sgd_clipvalue",
                                       "sgd_global_clipnorm",
                                       "rmsprop",
                                       "rmsprop_centered_momentum",
                                       "adagrad"};

class GoldenTraining : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenTraining, FiveStepsOfEveryOptimizerMatchKeras) {
  const fs::path folder = golden_folder();
  if (!fs::exists(folder)) GTEST_SKIP() << "no golden values: " << folder;
  std::shared_ptr<Engine> engine;
  try {
    engine = make_engine(GetParam());
  } catch (const std::exception& error) {
    GTEST_SKIP() << error.what();
  }
  const auto info = nlohmann::json::parse(read_file(folder / "info_float64.json"));
  const Tensor x = read_npy(folder / "x.npy").cast(DType::kFloat32),
               y = read_npy(folder / "y_onehot.npy").cast(DType::kFloat32);
  const std::vector<Tensor> initial = ordered(read_npz(folder / "init_weights_f32.npz"), info);
  for (const std::string name : kOptimizers) {
    SCOPED_TRACE(name);
    if (!fs::exists(folder / (name + "_after5_float64.npz"))) continue;
    const auto& truth = info["optimizers"][name];
    Model model = seed_cnn_mini();
    const Json config = Json::parse(truth["config"].dump());
    model.compile({.optimizer = Optimizer::from_config(config["name"].get<std::string>(), config),
                   .loss = "categorical_crossentropy",
                   .metrics = {"accuracy"},
                   .engine = GetParam()});
    model.set_weights(initial);
    for (int step = 0; step < 5; ++step) {
      const Logs logs = model.train_on_batch(x, y);
      // The tolerance is float32's: losses of about 2.3 have a spacing of 2.4e-7, and steps add up.
      EXPECT_NEAR(logs.at("loss"), truth["losses_5_steps"][static_cast<std::size_t>(step)].get<double>(), 1e-5)
          << "step " << step;
      if (step != 0 && step != 4) continue;
      const std::string file = fmt::format("{}_after{}_float64.npz", name, step + 1);
      const std::vector<Tensor> wanted = ordered(read_npz(folder / file), info), got = model.get_weights();
      ASSERT_EQ(wanted.size(), got.size());
      // Adam divides by sqrt(v) of gradients that are near zero: there float32 rounding moves a weight by up to a step (lr).
      for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_LT(largest_difference(got[i], wanted[i]), 2e-5) << file << " weight " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, GoldenTraining, ::testing::Values("reference", "native", "onednn", "torch"),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace tutti
