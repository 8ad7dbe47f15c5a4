// The callbacks against decision traces of Keras 3.15.1.
#include "tutti/nn/callbacks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/shared_data.h"
#include "tests/temporary_folder.h"
#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/nn/layers.h"
#include "tutti/nn/model.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

// Keeps what is shown.
class Recorder : public Display {
 public:
  void text(std::string_view text) override { shown += text; }
  void show(const MimeBundle&) override {}
  void live(std::string_view, std::string_view text) override { shown += text; }
  bool is_interactive() const override { return false; }
  int width() const override { return 80; }
  std::string shown;
};

class Recording {
 public:
  Recording() : recorder(std::make_shared<Recorder>()), old_(set_display(recorder)) {}
  ~Recording() { set_display(old_); }
  std::shared_ptr<Recorder> recorder;

 private:
  std::shared_ptr<Display> old_;
};

Model one_weight() {
  Model model = Sequential({Input({1}), Dense(1, {.use_bias = false})});
  model.compile(
      {.optimizer = SGD({.learning_rate = 0.1}), .loss = "mse", .metrics = {"accuracy", "mse"}, .engine = "reference"});
  return model;
}

double as_number(const nlohmann::json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == "Infinity" || value == "inf") return INFINITY;
  if (value == "-Infinity") return -INFINITY;
  return NAN;
}

CallbackPtr make_callback(const nlohmann::json& scenario) {
  const auto& k = scenario["kwargs"];
  const std::string monitor = k.value("monitor", std::string("val_loss")), mode = k.value("mode", std::string("auto"));
  const int verbose = k.value("verbose", 0), patience = k.value("patience", scenario["callback"] == "EarlyStopping" ? 0 : 10);
  if (scenario["callback"] == "EarlyStopping")
    return EarlyStopping({.monitor = monitor,
                          .min_delta = k.value("min_delta", 0.0),
                          .patience = patience,
                          .verbose = verbose,
                          .mode = mode,
                          .baseline = k.contains("baseline") ? std::optional(k["baseline"].get<double>()) : std::nullopt,
                          .restore_best_weights = k.value("restore_best_weights", false),
                          .start_from_epoch = k.value("start_from_epoch", 0)});
  return ReduceLROnPlateau({.monitor = monitor,
                            .factor = k.value("factor", 0.1),
                            .patience = patience,
                            .verbose = verbose,
                            .mode = mode,
                            .min_delta = k.value("min_delta", 1e-4),
                            .cooldown = k.value("cooldown", 0),
                            .min_lr = k.value("min_lr", 0.0)});
}

// JSON with NaN and Infinity, as Python writes it.
nlohmann::json parse_python_json(std::string text) {
  for (const char* word : {"-Infinity", "Infinity", "NaN"})
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos;) {
      const std::size_t end = at + std::string(word).size();
      const bool alone = std::string_view(" [\n").find(text[at - 1]) != std::string_view::npos &&
                         std::string_view(",]}\n").find(text[end]) != std::string_view::npos;
      if (alone) text.replace(at, std::string(word).size(), fmt::format("\"{}\"", word));
      at += std::string(word).size() + 2;
    }
  return nlohmann::json::parse(text);
}

TEST(Callbacks, DecideAsKeras3Did) {
  const fs::path path = fs::path(TUTTI_SOURCE_DIR) / "tests/golden/callbacks/traces_keras_3.15.1.json";
  const nlohmann::json traces = parse_python_json(read_file(path));
  int compared = 0;
  for (const auto& scenario : traces["scenarios"]) {
    if (scenario["callback"] == "ModelCheckpoint") continue;
    // Ours on purpose: NaN is never the best, so these decide otherwise.
    if (scenario["sequence"] == "nan_first" || scenario["sequence"] == "all_nan") continue;
    SCOPED_TRACE(scenario["callback"].get<std::string>() + scenario["kwargs"].dump() + scenario["sequence"].get<std::string>());
    if (scenario.contains("error")) {
      Model model = one_weight();
      FitState state{.model = &model};
      Logs logs{{scenario["monitor_key"].get<std::string>(), 0.5}};
      EXPECT_THROW(make_callback(scenario)->on_epoch_end(state, logs), Error);
      continue;
    }
    Recording recording;
    Model model = one_weight();
    model.set_learning_rate(0.1);
    const CallbackPtr callback = make_callback(scenario);
    FitState state{.model = &model, .epochs = static_cast<int>(scenario["values"].size())};
    callback->on_train_begin(state);
    int epochs = 0;
    for (const auto& value : scenario["values"]) {
      state.epoch = epochs;
      model.set_weights({Tensor::of<float>({1, 1}, {static_cast<float>(epochs + 1)})});
      Logs logs{{"loss", 1.0}};
      if (!value.is_null()) logs.set(scenario["monitor_key"].get<std::string>(), as_number(value));
      callback->on_epoch_begin(state);
      callback->on_epoch_end(state, logs);
      const auto& wanted = scenario["trace"][static_cast<std::size_t>(epochs)];
      EXPECT_EQ(state.stop_training, wanted["stop"].get<bool>()) << "epoch " << epochs;
      EXPECT_NEAR(model.learning_rate(), wanted["lr"].get<double>(), 1e-6 * wanted["lr"].get<double>() + 1e-12)
          << "epoch " << epochs;
      ++epochs;
      if (state.stop_training) break;
    }
    callback->on_train_end(state);
    EXPECT_EQ(epochs, scenario["epochs_run"].get<int>());
    EXPECT_EQ(model.get_weights()[0].item(), scenario["final_weight_epoch"].get<double>());
    if (scenario["callback"] == "EarlyStopping") {
      EXPECT_EQ(recording.recorder->shown, scenario["printed"].get<std::string>());
    }
    ++compared;
  }
  EXPECT_GT(compared, 100);
}

TEST(Callbacks, NaNNeverIsTheBest) {
  Model model = one_weight();
  FitState state{.model = &model, .epochs = 4};
  const CallbackPtr callback = EarlyStopping({.patience = 2, .restore_best_weights = true});
  callback->on_train_begin(state);
  const double values[] = {NAN, 0.5, 0.6, 0.7};
  for (int epoch = 0; epoch < 4; ++epoch) {
    state.epoch = epoch;
    model.set_weights({Tensor::of<float>({1, 1}, {static_cast<float>(epoch + 1)})});
    Logs logs{{"val_loss", values[epoch]}};
    callback->on_epoch_end(state, logs);
    EXPECT_EQ(state.stop_training, epoch == 3);
  }
  callback->on_train_end(state);
  EXPECT_EQ(model.get_weights()[0].item(), 2.0);
}

TEST(ModelCheckpoint, SavesTheBestUnderAFormattedName) {
  const TemporaryFolder temporary;
  const fs::path& folder = temporary.path();
  Recording recording;
  Model model = one_weight();
  FitState state{.model = &model, .epochs = 3};
  const CallbackPtr callback =
      ModelCheckpoint((folder / "w.{epoch:02d}-{val_loss:.2f}.h5").string(), {.verbose = 1, .save_best_only = true});
  const double values[] = {1.0, NAN, 0.5};
  for (state.epoch = 0; state.epoch < 3; ++state.epoch) {
    Logs logs{{"val_loss", values[state.epoch]}};
    callback->on_epoch_end(state, logs);
  }
  EXPECT_TRUE(fs::exists(folder / "w.01-1.00.h5"));
  EXPECT_FALSE(fs::exists(folder / "w.02-nan.h5"));
  EXPECT_TRUE(fs::exists(folder / "w.03-0.50.h5"));
  EXPECT_NE(recording.recorder->shown.find("Epoch 1: val_loss improved from None to 1.00000, saving model to"),
            std::string::npos);
  EXPECT_NE(recording.recorder->shown.find("Epoch 2: val_loss did not improve from 1.00000"), std::string::npos);
  Logs logs{{"loss", 1.0}};
  EXPECT_THROW(callback->on_epoch_end(state, logs), Error);  // the name needs val_loss
}

TEST(Callbacks, RefuseWhatKerasRefuses) {
  EXPECT_THROW(ReduceLROnPlateau({.factor = 1.0}), Error);
  EXPECT_THROW(LearningRateScheduler({}), Error);
}

TEST(Schedules, FollowTheirFormulas) {
  EXPECT_DOUBLE_EQ(step_decay(0.1, 0.5, 2)(5, 0), 0.025);
  EXPECT_DOUBLE_EQ(exponential_decay(0.1, 0.9)(2, 0), 0.081);
  const Schedule cosine = cosine_decay(0.2, 10, 0.1);
  EXPECT_DOUBLE_EQ(cosine(0, 0), 0.2);
  EXPECT_NEAR(cosine(5, 0), 0.2 * 0.55, 1e-12);
  EXPECT_NEAR(cosine(10, 0), 0.02, 1e-12);
}

TEST(CSVLogger, WritesALineAnEpochAndSaysWhenItCannot) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "log.csv";
  Model model = one_weight();
  FitState state{.model = &model};
  const CallbackPtr callback = CSVLogger(path);
  callback->on_train_begin(state);
  Logs logs{{"loss", 0.5}, {"accuracy", 0.25}};
  callback->on_epoch_end(state, logs);
  callback->on_train_end(state);
  EXPECT_EQ(read_file(path), "epoch,accuracy,loss\n0,0.25,0.5\n");
  EXPECT_THROW(CSVLogger("/proc/nowhere/log.csv")->on_train_begin(state), Error);
}

}  // namespace
}  // namespace tutti
