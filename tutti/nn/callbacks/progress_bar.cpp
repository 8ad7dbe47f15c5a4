#include <chrono>
#include <mutex>

#include <fmt/format.h>

#include "tutti/base/display.h"
#include "tutti/nn/callbacks.h"
#include "tutti/nn/progress.h"

namespace tutti {
namespace {

constexpr std::chrono::milliseconds kRedraw{50};  // Keras 3's interval

class ProgressBarCallback : public Callback {
 public:
  explicit ProgressBarCallback(int verbose) : verbose_(verbose) {}

  void on_epoch_begin(FitState& state) override {
    if (state.epochs > 1) display().text(fmt::format("Epoch {}/{}\n", state.epoch + 1, state.epochs));
    last_draw_ = EpochProgress::Clock::now();
    progress_.begin();
  }

  void on_batch_end(FitState& state, const Logs& logs) override {
    progress_.step(state);
    if (verbose_ != 1 || !display().is_interactive()) return;
    const auto now = EpochProgress::Clock::now();
    if (state.step > 1 && state.step < state.steps && now - last_draw_ < kRedraw) return;
    last_draw_ = now;
    display().live("fit", progress_.running_line(state, logs));
  }

  void on_epoch_end(FitState& state, Logs& logs) override {
    if (verbose_ == 1 && display().is_interactive()) {
      display().live("fit", progress_.ended_line(state, logs));
      display().text("\n");
    } else {
      display().text(progress_.plain_ended_line(state, logs) + "\n");
    }
  }

 private:
  int verbose_;
  EpochProgress progress_;
  EpochProgress::Clock::time_point last_draw_;
};

std::mutex factory_mutex;

ProgressFactory& factory() {
  static ProgressFactory current = ProgressBar;
  return current;
}

}  // namespace

CallbackPtr ProgressBar(int verbose) { return std::make_shared<ProgressBarCallback>(verbose); }

CallbackPtr make_progress(int verbose) {
  ProgressFactory make;
  {
    std::scoped_lock lock(factory_mutex);
    make = factory();
  }
  return make(verbose);
}

ProgressFactory set_progress(ProgressFactory next) {
  if (!next) next = ProgressBar;
  std::scoped_lock lock(factory_mutex);
  std::swap(factory(), next);
  return next;
}

}  // namespace tutti
