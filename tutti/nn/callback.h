// What fit() tells, and whom.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tutti/nn/logs.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

class Model;

// What a callback carries from epoch to epoch.
struct CallbackState {
  std::map<std::string, double> numbers;
  std::vector<std::string> texts;
  std::vector<Tensor> tensors;
  // Nothing if there is none.
  std::optional<double> number(const std::string& name) const;
};

// Where a fit stands. With the weights and the optimizer's state it is all that a later fit needs to go on as if there had been
// no break: FitOptions::resume.
struct TrainingState {
  int epoch = 0;                         // to go on with
  std::int64_t step = 0, samples = 0;    // done of that epoch
  std::vector<double> meters;            // sums of that epoch's loss and metrics
  bool stop_training = false;            // a callback ended the fit after the last epoch
  History history;                       // of the epochs before
  std::vector<CallbackState> callbacks;  // in the order of FitOptions::callbacks
};

// What a callback may know of the running fit.
struct FitState {
  Model* model = nullptr;
  int epochs = 0;  // planned
  int initial_epoch = 0;
  int epoch = 0;             // current, from 0
  std::int64_t steps = 0;    // of a full epoch
  std::int64_t step = 0;     // in this epoch, from 0
  std::int64_t samples = 0;  // trained in this epoch so far
  std::int64_t batch_size = 0;
  bool stop_training = false;  // a callback sets it; fit ends after this epoch (TerminateOnNaN: after this step)
  std::string stop_reason;
  // Where the fit stands: at the start of the next epoch when asked in on_epoch_end, else between two steps. Callbacks that
  // stand later in the list have not seen the end of the epoch yet.
  std::function<TrainingState()> snapshot;
};

// Every method may be left out. Callbacks run in the order of the list, the progress bar first; a change of `logs` in
// on_epoch_end is seen by the later ones and by the History.
class Callback {
 public:
  virtual ~Callback() = default;
  virtual void on_train_begin(FitState&) {}
  virtual void on_epoch_begin(FitState&) {}
  // Logs: running means of this epoch.
  virtual void on_batch_end(FitState&, const Logs&) {}
  // `logs` has the training and val_ values.
  virtual void on_epoch_end(FitState&, Logs&) {}
  // The interrupt flag ends the training between two steps; on_train_end follows.
  virtual void on_interrupt(FitState&) {}
  // What later epochs depend on, and back; restore() comes after on_train_begin.
  virtual CallbackState state() const { return {}; }
  virtual void restore(const CallbackState&) {}
  // Also when training ends by an error or an interrupt.
  virtual void on_train_end(FitState&) {}
};
using CallbackPtr = std::shared_ptr<Callback>;

}  // namespace tutti
