// Trains one member: what one process, or one Pod, of an experiment does.
#pragma once

#include <string>

#include "tutti/experiment/plan.h"
#include "tutti/experiment/store.h"
#include "tutti/nn/model.h"

namespace tutti {

// What Model::compile() takes, from a spec.
CompileOptions compile_options(const FitSpec& fit);
// Builds the optimizer, loss and metrics: Error for an unknown name or argument.
void check_fit(const FitSpec& fit);

// Trains the member of that name of the run's plan and writes its folder: status.json all along, then the model, the
// predictions of the validation and test splits and metrics.json. When the interrupt flag is set, saves the model as it is
// and returns kInterrupted. Any Error is written to status.json, then rethrown.
MemberState train_member(const RunFolder& run, const std::string& name);

}  // namespace tutti
