// An experiment from its spec to trained members in the store.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tutti/experiment/plan.h"
#include "tutti/experiment/progress.h"
#include "tutti/experiment/runner.h"

namespace tutti {

// Makes sure the data is on this machine: downloads a known set once, before several members would; if that fails and the
// spec names a fallback, returns the spec with it and says so in `note`.
Spec prepare_data(const Spec& spec, std::string& note);

// Builds every member's model, optimizer, loss and metrics, and throws them away: a mistake is an Error before anything
// starts.
void check_members(const std::vector<Member>& members);

// A run's folder with spec.yaml, the model file and environment.json. `spec` is resolved and prepared.
RunFolder write_run(const Spec& spec, const std::filesystem::path& store, const std::string& run_name);
// The spec of a run, as write_run() left it.
Spec spec_of_run(const RunFolder& run);

struct RunMembersOptions {
  RunSpec share = {};
  std::function<void()> wait = {};  // between two looks at the members; default: a fifth of a second
};

// Makes the process that runs the members, wherever it is, stop them and end.
void request_cancel(const RunFolder& run);

// Runs all members, so many at a time, until each has ended; when the interrupt flag is set or somebody requests a cancel, asks
// the running ones to stop and starts no other. A member that failed is told to `view` with the end of its log. Returns how the
// started ones ended.
std::vector<MemberEnd> run_members(const RunFolder& run, const std::vector<std::string>& members, Runner& runner,
                                   ProgressView& view, const RunMembersOptions& options = {});

// The members of a run that have not finished. Waits until none of them is being trained any more by a process of this machine;
// Error if one still is after `patience` seconds, or has shown a sign of life elsewhere in that time.
std::vector<std::string> unfinished_members(const RunFolder& run, const std::vector<std::string>& members,
                                            double patience = 30);

// models/{engine}_{accuracy}_model.h5 of all members that are done: the folder that the article's prediction step reads.
void link_models(const RunFolder& run, const std::vector<std::string>& members);

// The names of the members of a run, in the order of the plan.
std::vector<std::string> names_of(const std::vector<Member>& members);

}  // namespace tutti
