// keras/src/callbacks/model_checkpoint.py
#include <fmt/format.h>

#include "tutti/base/display.h"
#include "tutti/nn/callbacks.h"
#include "tutti/nn/callbacks/monitor.h"
#include "tutti/nn/model.h"

namespace tutti {
namespace {

class ModelCheckpointCallback : public Callback {
 public:
  ModelCheckpointCallback(std::string filepath, ModelCheckpointOptions options)
      : filepath_(std::move(filepath)),
        options_(std::move(options)),
        monitor_("ModelCheckpoint", options_.monitor, options_.mode),
        best_(options_.initial_value_threshold) {}

  void on_epoch_end(FitState& state, Logs& logs) override {
    const std::string path = format_path(filepath_, state.epoch + 1, logs);
    if (!options_.save_best_only) return save(state, path, fmt::format("saving model to {}", path));
    const std::optional<double> current = monitor_.value(state, logs);
    // Keras 3 saves when it cannot tell: a model too many is better than none.
    if (!current) return save(state, path, fmt::format("{} is missing, saving model to {}", monitor_.name(), path));
    if (!monitor_.improves(*current, best_)) {
      say(state, fmt::format("{} did not improve from {}", monitor_.name(), best_text()));
      return;
    }
    const std::string text =
        fmt::format("{} improved from {} to {:.5f}, saving model to {}", monitor_.name(), best_text(), *current, path);
    best_ = current;
    save(state, path, text);
  }

  CallbackState state() const override {
    CallbackState state;
    if (best_) state.numbers["best"] = *best_;
    return state;
  }
  void restore(const CallbackState& state) override { best_ = state.number("best"); }

 private:
  std::string best_text() const { return best_ ? fmt::format("{:.5f}", *best_) : "None"; }

  void say(const FitState& state, const std::string& text) const {
    if (options_.verbose > 0) display().text(fmt::format("\nEpoch {}: {}\n", state.epoch + 1, text));
  }

  void save(const FitState& state, const std::string& path, const std::string& text) const {
    say(state, text);
    if (options_.save_weights_only)
      state.model->save_weights(path);
    else
      state.model->save(path);
    say(state, fmt::format("finished saving model to {}", path));
  }

  std::string filepath_;
  ModelCheckpointOptions options_;
  Monitor monitor_;
  std::optional<double> best_;
};

}  // namespace

CallbackPtr ModelCheckpoint(std::string filepath, ModelCheckpointOptions options) {
  return std::make_shared<ModelCheckpointCallback>(std::move(filepath), std::move(options));
}

}  // namespace tutti
