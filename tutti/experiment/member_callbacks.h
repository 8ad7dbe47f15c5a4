// What a member's fit tells the store.
#pragma once

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
// fit; they hold what was written last, and the sum over all epochs.
CallbackPtr make_status_writer(const MemberFolder& folder, MemberStatus& status, TrainingSpeed& speed);

// checkpoints/epoch-0012.h5 after every `every` epochs, with the optimizer's state; the last `keep` stay.
CallbackPtr make_rolling_checkpoint(const MemberFolder& folder, const CheckpointSpec& spec);

}  // namespace tutti
