// Keras 3's progress (keras/src/utils/progbar.py), with images per second.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "tutti/base/display.h"
#include "tutti/nn/callbacks.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBarWidth = 20;            // Keras 3
constexpr double kRedrawSeconds = 0.05;  // Keras 3's interval

std::string value_text(const std::string& name, double value) {
  return std::abs(value) > 1e-3 ? fmt::format(" - {}: {:.4f}", name, value) : fmt::format(" - {}: {:.4e}", name, value);
}

// By name, training values before val_ ones: Keras sorts each group.
std::string logs_text(const Logs& logs) {
  std::vector<std::pair<std::string, double>> sorted(logs.begin(), logs.end());
  std::ranges::sort(sorted, {}, [](const auto& pair) { return std::pair(pair.first.starts_with("val_"), pair.first); });
  std::string text;
  for (const auto& [name, value] : sorted) text += value_text(name, value);
  return text;
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(seconds);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole % 3600 / 60, whole % 60);
  if (whole >= 60) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

std::string step_text(double seconds) {
  if (seconds >= 1) return fmt::format("{:.0f}s/step", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.0f}ms/step", seconds * 1e3);
  return fmt::format("{:.0f}us/step", seconds * 1e6);
}

std::string repeat(const char* what, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += what;
  return text;
}

class ProgressBarCallback : public Callback {
 public:
  explicit ProgressBarCallback(int verbose) : verbose_(verbose) {}

  void on_epoch_begin(FitState& state) override {
    if (state.epochs > 1) display().text(fmt::format("Epoch {}/{}\n", state.epoch + 1, state.epochs));
    begin_ = last_draw_ = first_step_end_ = trained_until_ = Clock::now();
  }

  void on_batch_end(FitState& state, const Logs& logs) override {
    const Clock::time_point now = Clock::now();
    // The first step carries the compilation of the program; Keras leaves it out of its estimate too.
    if (state.step == 1) first_step_end_ = now;
    trained_until_ = now;
    if (verbose_ != 1 || !display().is_interactive()) return;
    if (state.step > 1 && state.step < state.steps && seconds(last_draw_, now) < kRedrawSeconds) return;
    last_draw_ = now;
    display().live("fit", running_bar(state) + logs_text(logs));
  }

  void on_epoch_end(FitState& state, Logs& logs) override {
    const Clock::time_point now = Clock::now();
    const double per_step = step_seconds(state);
    const double rate = per_step > 0 ? static_cast<double>(state.batch_size) / per_step : 0.0;
    const std::string tail = fmt::format("{} - {:.0f} images/s{}", step_text(per_step), rate, logs_text(logs));
    const std::string total = fmt::format("{:.0f}s", seconds(begin_, now));
    if (verbose_ == 1 && display().is_interactive()) {
      display().live("fit", fmt::format("{} {}", bar(state.step, state.steps, total), tail));
      display().text("\n");
    } else {
      display().text(fmt::format("{}/{} - {} - {}\n", state.step, state.steps, total, tail));
    }
  }

 private:
  static double seconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  }

  // Of one step, the first left out where there are others.
  double step_seconds(const FitState& state) const {
    if (state.step > 1) return seconds(first_step_end_, trained_until_) / static_cast<double>(state.step - 1);
    return seconds(begin_, trained_until_);
  }

  static std::string bar(std::int64_t step, std::int64_t steps, const std::string& time) {
    const auto done = static_cast<int>(kBarWidth * step / std::max<std::int64_t>(1, steps));
    return fmt::format("\x1b[1m{:>{}}/{}\x1b[0m \x1b[32m{}\x1b[0m\x1b[37m{}\x1b[0m \x1b[1m{}\x1b[0m", step,
                       std::to_string(steps).size(), steps, repeat("━", done), repeat("━", kBarWidth - done), time);
  }

  // The bar of an epoch under way, with the time that is left.
  std::string running_bar(const FitState& state) const {
    const double per_step = step_seconds(state), left = per_step * static_cast<double>(state.steps - state.step);
    return fmt::format("{} {} - {:.0f} images/s", bar(state.step, state.steps, duration_text(left)), step_text(per_step),
                       per_step > 0 ? static_cast<double>(state.batch_size) / per_step : 0.0);
  }

  int verbose_;
  Clock::time_point begin_, last_draw_, first_step_end_, trained_until_;
};

}  // namespace

CallbackPtr ProgressBar(int verbose) { return std::make_shared<ProgressBarCallback>(verbose); }

}  // namespace tutti
