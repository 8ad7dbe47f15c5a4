// ReduceLROnPlateau (keras/src/callbacks/reduce_lr_on_plateau.py) and LearningRateScheduler.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/nn/callbacks.h"
#include "tutti/nn/callbacks/monitor.h"
#include "tutti/nn/model.h"

namespace tutti {
namespace {

class ReduceLROnPlateauCallback : public Callback {
 public:
  explicit ReduceLROnPlateauCallback(ReduceLROnPlateauOptions options)
      : options_(std::move(options)), monitor_("ReduceLROnPlateau", options_.monitor, options_.mode, options_.min_delta) {
    if (!(options_.factor < 1.0 && options_.factor > 0.0))
      fail("ReduceLROnPlateau", "factor must be in (0, 1). Got {}.", options_.factor);
  }

  void on_train_begin(FitState&) override {
    best_.reset();
    cooldown_ = wait_ = 0;
  }

  void on_epoch_end(FitState& state, Logs& logs) override {
    logs.set("learning_rate", state.model->learning_rate());
    const std::optional<double> current = monitor_.value(state, logs);
    if (!current) return;
    if (cooldown_ > 0) {
      --cooldown_;
      wait_ = 0;
    }
    if (monitor_.improves(*current, best_)) {
      best_ = current;
      wait_ = 0;
      return;
    }
    if (cooldown_ > 0 || ++wait_ < options_.patience) return;
    const double old_rate = state.model->learning_rate();
    if (old_rate <= options_.min_lr) return;
    const double rate = std::max(old_rate * options_.factor, options_.min_lr);
    state.model->set_learning_rate(rate);
    if (options_.verbose > 0)
      display().text(fmt::format("\nEpoch {}: ReduceLROnPlateau reducing learning rate to {}.\n", state.epoch + 1, rate));
    cooldown_ = options_.cooldown;
    wait_ = 0;
  }

  CallbackState state() const override {
    CallbackState state{.numbers = {{"cooldown", cooldown_}, {"wait", wait_}}, .texts = {}, .tensors = {}};
    if (best_) state.numbers["best"] = *best_;
    return state;
  }
  void restore(const CallbackState& state) override {
    cooldown_ = static_cast<int>(state.number("cooldown").value_or(0));
    wait_ = static_cast<int>(state.number("wait").value_or(0));
    best_ = state.number("best");
  }

 private:
  ReduceLROnPlateauOptions options_;
  Monitor monitor_;
  std::optional<double> best_;
  int cooldown_ = 0, wait_ = 0;
};

class LearningRateSchedulerCallback : public Callback {
 public:
  LearningRateSchedulerCallback(Schedule schedule, int verbose) : schedule_(std::move(schedule)), verbose_(verbose) {}
  void on_epoch_begin(FitState& state) override {
    if (state.step > 0) return;  // resumed inside the epoch: the rate is set
    const double rate = schedule_(state.epoch, state.model->learning_rate());
    if (!(rate >= 0)) fail("LearningRateScheduler", "the schedule must give a rate that is not negative. Got {}.", rate);
    state.model->set_learning_rate(rate);
    if (verbose_ > 0)
      display().text(fmt::format("\nEpoch {}: LearningRateScheduler setting learning rate to {}.\n", state.epoch + 1, rate));
  }
  void on_epoch_end(FitState& state, Logs& logs) override { logs.set("learning_rate", state.model->learning_rate()); }

 private:
  Schedule schedule_;
  int verbose_;
};

}  // namespace

CallbackPtr ReduceLROnPlateau(ReduceLROnPlateauOptions options) {
  return std::make_shared<ReduceLROnPlateauCallback>(std::move(options));
}

CallbackPtr LearningRateScheduler(Schedule schedule, int verbose) {
  if (!schedule) fail("LearningRateScheduler", "needs a schedule.");
  return std::make_shared<LearningRateSchedulerCallback>(std::move(schedule), verbose);
}

Schedule step_decay(double rate, double factor, int every) {
  if (every < 1) fail("step_decay", "every must be positive. Got {}.", every);
  return [=](int epoch, double) { return rate * std::pow(factor, epoch / every); };
}

Schedule exponential_decay(double rate, double factor) {
  return [=](int epoch, double) { return rate * std::pow(factor, epoch); };
}

Schedule cosine_decay(double rate, int epochs, double alpha, int warmup) {
  if (epochs < 1 || warmup < 0)
    fail("cosine_decay", "epochs must be positive and warmup not negative. Got {} and {}.", epochs, warmup);
  return [=](int epoch, double) {
    if (epoch < warmup) return rate * (epoch + 1) / (warmup + 1);
    const double progress = std::min(1.0, static_cast<double>(epoch - warmup) / epochs);
    return rate * (alpha + (1 - alpha) * 0.5 * (1 + std::cos(std::numbers::pi * progress)));
  };
}

}  // namespace tutti
