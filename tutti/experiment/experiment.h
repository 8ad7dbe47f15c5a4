// An experiment from its spec to trained members in the store.
#pragma once

#include <string>
#include <vector>

#include "tutti/experiment/plan.h"
#include "tutti/experiment/store.h"

namespace tutti {

// Makes sure the data is on this machine: downloads a known set once, before several members would; if that fails and the
// spec names a fallback, returns the spec with it and says so in `note`.
Spec prepare_data(const Spec& spec, std::string& note);

// Builds every member's model, optimizer, loss and metrics, and throws them away: a mistake is an Error before anything
// starts. Whether a program is there is known only here.
void check_members(const std::vector<Member>& members, Where where = Where::kHere);

// The spec and copies of its model files in a folder, named in the spec without their folder: it may be moved.
void write_spec(const Spec& spec, const std::filesystem::path& folder, const std::string& name);
// A run's folder with spec.yaml, the model file and environment.json. `spec` is resolved and prepared.
RunFolder write_run(const Spec& spec, const std::filesystem::path& store, const std::string& run_name);
// The spec of a run, as write_run() left it.
Spec spec_of_run(const RunFolder& run);

// models/{engine}_{accuracy}_model.h5 of all members that are done: the folder that the article's prediction step reads.
void link_models(const RunFolder& run, const std::vector<std::string>& members);

// The names of the members of a run, in the order of the plan.
std::vector<std::string> names_of(const std::vector<Member>& members);

}  // namespace tutti
