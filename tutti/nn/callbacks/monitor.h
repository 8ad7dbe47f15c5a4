// What EarlyStopping, ModelCheckpoint and ReduceLROnPlateau share: which way is better, and the best so far.
#pragma once

#include <optional>
#include <string>

#include "tutti/nn/callback.h"

namespace tutti {

class Monitor {
 public:
  // mode: auto, min or max; another is taken as auto with a warning, as Keras does.
  Monitor(std::string callback, std::string name, const std::string& mode, double min_delta = 0.0);

  // The monitored value of an epoch; warns once if it is missing. auto asks the compiled metric which way is better; Error if
  // nobody knows.
  std::optional<double> value(const FitState& state, const Logs& logs);
  // current beats `best` by more than min_delta. NaN beats nothing; anything but NaN beats no best.
  bool improves(double current, std::optional<double> best) const;
  const std::string& name() const { return name_; }

 private:
  void resolve(const FitState& state);

  std::string callback_, name_;
  double min_delta_;
  std::optional<bool> maximize_;
  bool warned_ = false;
};

// Python's str.format over epoch and logs: "weights.{epoch:02d}-{val_loss:.2f}.h5". Error for an unknown name or a bad format.
std::string format_path(const std::string& pattern, int epoch, const Logs& logs);

}  // namespace tutti
