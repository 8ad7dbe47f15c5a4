// What fit() tells, and whom.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tutti/nn/logs.h"

namespace tutti {

class Model;

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
  // Also when training ends by an error or an interrupt.
  virtual void on_train_end(FitState&) {}
};
using CallbackPtr = std::shared_ptr<Callback>;

}  // namespace tutti
