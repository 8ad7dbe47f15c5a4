// Keras 3's progress (keras/src/utils/progbar.py), with images per second.
#include "tutti/nn/progress.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace tutti {
namespace {

constexpr int kBarWidth = 20;  // Keras 3

std::string value_text(const std::string& name, double value) {
  return std::abs(value) > 1e-3 ? fmt::format(" - {}: {:.4f}", name, value) : fmt::format(" - {}: {:.4e}", name, value);
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

std::string bar(std::int64_t step, std::int64_t steps, const std::string& time) {
  const auto done = static_cast<int>(kBarWidth * step / std::max<std::int64_t>(1, steps));
  return fmt::format("\x1b[1m{:>{}}/{}\x1b[0m \x1b[32m{}\x1b[0m\x1b[37m{}\x1b[0m \x1b[1m{}\x1b[0m", step,
                     std::to_string(steps).size(), steps, repeat("━", done), repeat("━", kBarWidth - done), time);
}

double between(EpochProgress::Clock::time_point from, EpochProgress::Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

void EpochProgress::begin() { begin_ = first_step_end_ = trained_until_ = Clock::now(); }

void EpochProgress::step(const FitState& state) {
  trained_until_ = Clock::now();
  if (state.step == 1) first_step_end_ = trained_until_;
}

double EpochProgress::seconds() const { return between(begin_, Clock::now()); }

double EpochProgress::step_seconds(const FitState& state) const {
  if (state.step > 1) return between(first_step_end_, trained_until_) / static_cast<double>(state.step - 1);
  return between(begin_, trained_until_);
}

double EpochProgress::seconds_left(const FitState& state) const {
  return step_seconds(state) * static_cast<double>(state.steps - state.step);
}

double EpochProgress::images_per_second(const FitState& state) const {
  const double per_step = step_seconds(state);
  return per_step > 0 ? static_cast<double>(state.batch_size) / per_step : 0.0;
}

std::string EpochProgress::tail(const FitState& state, const Logs& logs) const {
  return fmt::format("{} - {:.0f} images/s{}", step_text(step_seconds(state)), images_per_second(state), logs_text(logs));
}

std::string EpochProgress::running_line(const FitState& state, const Logs& logs) const {
  return fmt::format("{} {}", bar(state.step, state.steps, duration_text(seconds_left(state))), tail(state, logs));
}

std::string EpochProgress::ended_line(const FitState& state, const Logs& logs) const {
  return fmt::format("{} {}", bar(state.step, state.steps, fmt::format("{:.0f}s", seconds())), tail(state, logs));
}

std::string EpochProgress::plain_ended_line(const FitState& state, const Logs& logs) const {
  return fmt::format("{}/{} - {:.0f}s - {}", state.step, state.steps, seconds(), tail(state, logs));
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(seconds);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole % 3600 / 60, whole % 60);
  if (whole >= 60) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

std::string logs_text(const Logs& logs) {
  std::vector<std::pair<std::string, double>> sorted(logs.begin(), logs.end());
  std::ranges::sort(sorted, {}, [](const auto& pair) { return std::pair(pair.first.starts_with("val_"), pair.first); });
  std::string text;
  for (const auto& [name, value] : sorted) text += value_text(name, value);
  return text;
}

}  // namespace tutti
