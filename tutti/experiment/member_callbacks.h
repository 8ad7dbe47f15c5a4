// What a member's fit tells the store.
#pragma once

#include <string>

#include "tutti/experiment/spec.h"
#include "tutti/experiment/store.h"
#include "tutti/nn/callback.h"

namespace tutti {

// What training took, validation and saving left out.
struct TrainingSpeed {
  double seconds = 0.0;
  std::int64_t samples = 0;
};

// Keeps status.json up to date, at most twice a second, and prints a line an epoch to the log. `status` and `speed` outlive the
// fit; they hold what was written last, and the sum over all epochs. A status that cannot be written is a warning.
CallbackPtr make_status_writer(const MemberFolder& folder, MemberStatus& status, TrainingSpeed& speed);

// history.csv as Keras's CSVLogger writes it, whole after every epoch. One that cannot be written is a warning: the next epoch
// writes all lines again. `text` outlives the fit: the whole file.
CallbackPtr make_history_writer(const MemberFolder& folder, std::string& text);

// Calls `callback` until it throws an Error, which is then a warning: the training can do without it.
CallbackPtr make_dispensable(CallbackPtr callback, std::string name);

// A checkpoint (checkpoint.h) after every `every` epochs and when the training is interrupted; the last `keep` stay. One that
// cannot be written, on a full disk for example, is a warning: the one before is still there. Stands behind the callbacks whose
// state it keeps.
CallbackPtr make_rolling_checkpoint(const MemberFolder& folder, const CheckpointSpec& spec);

}  // namespace tutti
