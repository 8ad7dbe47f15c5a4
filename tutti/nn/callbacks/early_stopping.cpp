// keras/src/callbacks/early_stopping.py
#include <fmt/format.h>

#include "tutti/base/display.h"
#include "tutti/nn/callbacks.h"
#include "tutti/nn/callbacks/monitor.h"
#include "tutti/nn/model.h"

namespace tutti {
namespace {

class EarlyStoppingCallback : public Callback {
 public:
  explicit EarlyStoppingCallback(EarlyStoppingOptions options)
      : options_(std::move(options)), monitor_("EarlyStopping", options_.monitor, options_.mode, options_.min_delta) {}

  void on_train_begin(FitState&) override {
    wait_ = 0;
    stopped_epoch_.reset();
    best_.reset();
    best_weights_.clear();
    best_epoch_ = 0;
  }

  void on_epoch_end(FitState& state, Logs& logs) override {
    const std::optional<double> current = monitor_.value(state, logs);
    if (!current || state.epoch < options_.start_from_epoch) return;
    if (options_.restore_best_weights && best_weights_.empty()) remember(state);
    ++wait_;
    if (monitor_.improves(*current, best_)) {
      best_ = current;
      if (options_.restore_best_weights) remember(state);
      if (!options_.baseline || monitor_.improves(*current, options_.baseline)) wait_ = 0;
      return;
    }
    if (wait_ >= options_.patience && state.epoch > 0) {
      stopped_epoch_ = state.epoch;
      state.stop_training = true;
      state.stop_reason = "early stopping";
    }
  }

  CallbackState state() const override {
    CallbackState state{.numbers = {{"wait", wait_}, {"best_epoch", best_epoch_}}, .texts = {}, .tensors = best_weights_};
    if (best_) state.numbers["best"] = *best_;
    return state;
  }
  void restore(const CallbackState& state) override {
    wait_ = static_cast<int>(state.number("wait").value_or(0));
    best_epoch_ = static_cast<int>(state.number("best_epoch").value_or(0));
    best_ = state.number("best");
    best_weights_ = state.tensors;
  }

  void on_train_end(FitState& state) override {
    const auto say = [&](std::string text) {
      if (options_.verbose > 0) display().text(text);
    };
    if (stopped_epoch_) say(fmt::format("Epoch {}: early stopping\n", *stopped_epoch_ + 1));
    if (!options_.restore_best_weights || best_weights_.empty()) return;
    say(fmt::format("Restoring model weights from the end of the best epoch: {}.\n", best_epoch_ + 1));
    state.model->set_weights(best_weights_);
  }

 private:
  void remember(const FitState& state) {
    best_weights_ = state.model->get_weights();
    best_epoch_ = state.epoch;
  }

  EarlyStoppingOptions options_;
  Monitor monitor_;
  int wait_ = 0, best_epoch_ = 0;
  std::optional<int> stopped_epoch_;
  std::optional<double> best_;
  std::vector<Tensor> best_weights_;
};

}  // namespace

CallbackPtr EarlyStopping(EarlyStoppingOptions options) { return std::make_shared<EarlyStoppingCallback>(std::move(options)); }

}  // namespace tutti
