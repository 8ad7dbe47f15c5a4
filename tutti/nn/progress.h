// What a progress bar says of a running fit.
#pragma once

#include <chrono>
#include <string>

#include "tutti/nn/callback.h"

namespace tutti {

// The times of one epoch, and Keras 3's line about it: bar, time left or taken, time of a step, images per second, values.
class EpochProgress {
 public:
  using Clock = std::chrono::steady_clock;

  void begin();
  // After each step.
  void step(const FitState& state);
  // Seconds; of one step, the first left out where there are others: it carries the compilation of the program.
  double seconds() const;
  double step_seconds(const FitState& state) const;
  // Of the steps that are to come.
  double seconds_left(const FitState& state) const;
  double images_per_second(const FitState& state) const;
  // With a bar in colours of a terminal, without '\n'; of an epoch under way, and of one that has ended.
  std::string running_line(const FitState& state, const Logs& logs) const;
  std::string ended_line(const FitState& state, const Logs& logs) const;
  // The latter without a bar, for files.
  std::string plain_ended_line(const FitState& state, const Logs& logs) const;

 private:
  std::string tail(const FitState& state, const Logs& logs) const;

  Clock::time_point begin_, first_step_end_, trained_until_;
};

// "12s", "1:05", "1:00:00".
std::string duration_text(double seconds);
// " - accuracy: 0.5000 - loss: 1.2000 - val_loss: 1.3000": by name, training values first, as Keras writes them.
std::string logs_text(const Logs& logs);

}  // namespace tutti
