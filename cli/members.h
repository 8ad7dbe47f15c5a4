// What `tutti train` and `tutti resume` do alike.
#pragma once

#include <string>
#include <vector>

#include "tutti/experiment/store.h"

namespace tutti::cli {

struct TrainMembersOptions {
  bool json = false;  // print the results as JSON and nothing else
  std::string note;   // to be said first
  bool kubernetes = false;
  bool detach = false;  // submit the Jobs and return
};

// Trains those members of the run that have not finished, shows how they do, combines all that are done, writes the report.
// Returns the exit code.
int train_members(const RunFolder& run, const std::vector<std::string>& members, const TrainMembersOptions& options);

}  // namespace tutti::cli
