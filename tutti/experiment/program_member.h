// A member that is another program.
#pragma once

#include <filesystem>

#include "tutti/experiment/plan.h"
#include "tutti/experiment/store.h"

namespace tutti {

// Runs the member's command in its folder, until it ends, with the spec's environment and
//   TUTTI_MEMBER, TUTTI_SEED, TUTTI_RUN (the run's folder), TUTTI_OUTPUT (the member's folder), TUTTI_ENGINE (if the spec lists
//   engines), TUTTI_TRAIN_INDICES, TUTTI_VALIDATION_INDICES (.npy files: which samples of the data's training split are for
//   which).
// Epochs and metrics of status.json come from a history.csv that it may write there (Keras's CSVLogger). When the interrupt
// flag is set, the program gets SIGTERM. Error if it fails or leaves no file; Interrupted if it was asked to end.
// Returns the Keras file that it left in its folder, by ProgramSpec::output; one that an earlier attempt left does not count.
std::filesystem::path run_program(const Member& member, const RunFolder& run, MemberStatus& status);

}  // namespace tutti
