// Initializers, metrics, summaries and progress lines against what Keras 3.15.1 computed or printed.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "tests/shared_data.h"
#include "tutti/base/display.h"
#include "tutti/base/files.h"
#include "tutti/data/npy.h"
#include "tutti/nn/callbacks.h"
#include "tutti/nn/metrics.h"
#include "tutti/nn/model.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

fs::path golden(const std::string& name) { return fs::path(TUTTI_SOURCE_DIR) / "tests/golden" / name; }

// --- Initializers ---

TEST(KerasValues, InitializersHaveKerasDistributions) {
  const auto truth = nlohmann::json::parse(read_file(golden("initializers/stats_keras3.json")));
  int compared = 0;
  for (const auto& [key, stats] : truth.items()) {
    if (!stats.contains("shape")) continue;
    SCOPED_TRACE(key);
    const std::string name = key.substr(0, key.find('/'));
    const Json config = {{"class_name", name}, {"config", Json::parse(stats["config"].dump())}};
    const Tensor tensor = Initializer::from_config(config)(Shape(stats["shape"].get<std::vector<std::int64_t>>()), 7, 1);
    const auto values = tensor.data<float>();
    const auto n = static_cast<double>(values.size());
    double sum = 0, squares = 0;
    for (const float value : values) sum += value;
    for (const float value : values) squares += (value - sum / n) * (value - sum / n);
    const double deviation = std::sqrt(squares / n), want = stats["std"];
    // Five standard errors of either sample: of the mean sigma / sqrt(n), of sigma less than sigma / sqrt(2 (n - 1)) for
    // tails no heavier than the normal's; and both programs sample.
    const double error = 5 * std::sqrt(2.0) / std::sqrt(n);
    EXPECT_NEAR(sum / n, stats["mean"].get<double>(), error * want + 1e-9);
    EXPECT_NEAR(deviation, want, error * want + 1e-9);
    const auto [least, largest] = std::ranges::minmax(values);
    // Bounded distributions fill their range; a normal's extremes vary.
    const bool bounded = name != "RandomNormal" && name != "Orthogonal";
    const double slack = (bounded ? 20 / n + 1e-6 + (name.find("Normal") == std::string::npos ? 0.0 : 0.06) : 0.35);
    EXPECT_NEAR(least, stats["min"].get<double>(), slack * std::abs(stats["min"].get<double>()));
    EXPECT_NEAR(largest, stats["max"].get<double>(), slack * std::abs(stats["max"].get<double>()));
    ++compared;
  }
  EXPECT_GT(compared, 40);
}

// --- Metrics ---

TEST(KerasValues, MetricsAgree) {
  const auto truth = nlohmann::json::parse(read_file(golden("losses/losses_float64.json")))["metrics"];
  const auto arrays = read_npz(golden("losses/inputs.npz"));
  const std::pair<const char*, const char*> names[] = {{"categorical_accuracy", "CategoricalAccuracy"},
                                                       {"sparse_categorical_accuracy", "sparse_categorical_accuracy"},
                                                       {"top2", "top_2_accuracy"},
                                                       {"sparse_top2", "top_2_accuracy"},
                                                       {"binary_accuracy", "BinaryAccuracy"},
                                                       {"mse", "MSE"},
                                                       {"mae", "mean_absolute_error"},
                                                       {"precision", "Precision"},
                                                       {"recall", "recall"}};
  for (const auto& [key, name] : names) {
    SCOPED_TRACE(key);
    const Tensor prediction = arrays.at(truth[key]["pred"]).cast(DType::kFloat32), target = arrays.at(truth[key]["true"]);
    const MetricPtr metric = make_metric(name, "mse");
    // In two batches, as the truth was made.
    const std::int64_t rows = prediction.shape()[0];
    metric->update(prediction.rows(0, rows / 2), target.rows(0, rows / 2));
    metric->update(prediction.rows(rows / 2, rows), target.rows(rows / 2, rows));
    EXPECT_NEAR(metric->result(), truth[key]["result_two_updates"].get<double>(), 1e-6);
  }
}

TEST(KerasValues, AccuracyTakesTheFirstOfEqualProbabilities) {
  const auto truth = nlohmann::json::parse(read_file(golden("losses/losses_float64.json")));
  const auto& ties = truth["metrics"]["argmax_ties_accuracy_if_label_is_0_1_2"];
  Tensor prediction({3, 3});
  for (std::size_t i = 0; i < 9; ++i) prediction.data<float>()[i] = ties["pred"][i / 3][i % 3];
  for (std::int32_t label = 0; label < 3; ++label) {
    const MetricPtr metric = make_metric("accuracy", "sparse_categorical_crossentropy");
    metric->update(prediction, Tensor::of<std::int32_t>({3}, {label, label, label}));
    EXPECT_NEAR(metric->result(), ties["result"][static_cast<std::size_t>(label)].get<double>(), 1e-12);
  }
}

// --- Summaries ---

// Keras prints a blank line at the end, and counts the optimizer's variables of the trained model that was saved.
std::string without_totals(const std::string& text) {
  std::istringstream lines(text);
  std::string line, kept;
  while (std::getline(lines, line))
    if (!line.empty() && !line.starts_with(" Total params") && !line.starts_with(" Optimizer params")) kept += line + "\n";
  return kept;
}

TEST(KerasValues, SummariesAreKerass) {
  int compared = 0;
  for (const auto& folder : fs::directory_iterator(golden("summaries"))) {
    SCOPED_TRACE(folder.path().filename().string());
    const Model model = model_from_json(read_file(folder.path() / "model.json"));
    EXPECT_EQ(without_totals(model.summary_text()), without_totals(read_file(folder.path() / "summary_k3.txt")));
    ++compared;
  }
  EXPECT_GE(compared, 8);
}

// --- Progress ---

class Recorder : public Display {
 public:
  explicit Recorder(bool interactive) : interactive_(interactive) {}
  void text(std::string_view text) override { shown += last_live + std::string(text), last_live.clear(); }
  void show(const MimeBundle&) override {}
  void live(std::string_view, std::string_view text) override { last_live = text; }
  bool is_interactive() const override { return interactive_; }
  int width() const override { return 80; }
  std::string shown, last_live;

 private:
  bool interactive_;
};

struct Epoch {
  std::int64_t steps = 0;
  Logs logs;
};

// The epochs of a transcript: "3/3" and the values at the end of each.
std::vector<Epoch> epochs_of(const std::string& transcript) {
  std::vector<Epoch> epochs;
  std::istringstream lines(transcript);
  static const std::regex kSteps("(\\d+)/(\\d+)"), kValue(" - ([a-z_]+): ([-+.0-9a-z]+)");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Epoch") || line.empty()) continue;
    if (const std::size_t redraw = line.rfind('\r'); redraw != std::string::npos) line = line.substr(redraw);
    Epoch epoch;
    std::smatch found;
    if (std::regex_search(line, found, kSteps)) epoch.steps = std::stoll(found[2]);
    for (std::sregex_iterator at(line.begin(), line.end(), kValue), end; at != end; ++at)
      epoch.logs.set((*at)[1].str(), std::stod((*at)[2]));
    epochs.push_back(std::move(epoch));
  }
  return epochs;
}

// What is drawn last of each line, without times and our "images/s".
std::string normalized(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (const std::size_t redraw = line.rfind('\r'); redraw != std::string::npos) line = line.substr(redraw + 1);
    line = std::regex_replace(line, std::regex(" - \\d+ images/s"), "");
    line = std::regex_replace(line, std::regex("\\b\\d+(s|ms|us)/step"), "T/step");
    line = std::regex_replace(line, std::regex("\\d+s\\b"), "Ts");
    line.erase(line.find_last_not_of(' ') + 1);  // Keras pads a line that is shorter than the one before
    result += line + "\n";
  }
  return result;
}

TEST(KerasValues, ProgressReadsAsKerass) {
  for (const auto& [file, verbose] :
       std::map<std::string, int>{{"fit_v1_val", 1}, {"fit_v1_1epoch", 1}, {"fit_v2_val", 2}, {"fit_v2_noval", 2}}) {
    SCOPED_TRACE(file);
    const std::string transcript = read_file(golden("progbar/transcript_" + file + "_keras_3.15.1.txt"));
    const std::vector<Epoch> epochs = epochs_of(transcript);
    ASSERT_FALSE(epochs.empty());
    const auto recorder = std::make_shared<Recorder>(verbose == 1);
    const auto old = set_display(recorder);
    const CallbackPtr bar = ProgressBar(verbose);
    FitState state;
    state.epochs = static_cast<int>(epochs.size());
    state.batch_size = 32;
    bar->on_train_begin(state);
    for (std::size_t i = 0; i < epochs.size(); ++i) {
      state.epoch = static_cast<int>(i);
      state.steps = epochs[i].steps;
      state.step = 0;
      bar->on_epoch_begin(state);
      while (state.step < state.steps) {
        ++state.step;
        bar->on_batch_end(state, Logs{{"loss", 1.0}});
      }
      // fit() gives the loss last, and val_ values after the training's.
      Logs logs = epochs[i].logs;
      bar->on_epoch_end(state, logs);
    }
    bar->on_train_end(state);
    set_display(old);
    EXPECT_EQ(normalized(recorder->shown + recorder->last_live), normalized(transcript));
  }
}

TEST(KerasValues, SmallValuesAreScientific) {
  const auto recorder = std::make_shared<Recorder>(false);
  const auto old = set_display(recorder);
  const CallbackPtr bar = ProgressBar(2);
  FitState state;
  state.epochs = 1;
  state.steps = state.step = 1;
  bar->on_epoch_begin(state);
  Logs logs{{"loss", 0.0005}, {"accuracy", 0.0011}, {"val_loss", -2.5}, {"val_accuracy", std::nan("")}, {"auc", 0.0}};
  bar->on_epoch_end(state, logs);
  set_display(old);
  EXPECT_NE(recorder->shown.find(
                " - accuracy: 0.0011 - auc: 0.0000e+00 - loss: 5.0000e-04 - val_accuracy: nan - val_loss: -2.5000\n"),
            std::string::npos)
      << recorder->shown;
}

}  // namespace
}  // namespace tutti
