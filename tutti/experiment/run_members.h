// Runs the members of a run to their ends, and stops them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tutti/experiment/plan.h"
#include "tutti/experiment/progress.h"
#include "tutti/experiment/runner.h"

namespace tutti {

struct RunMembersOptions {
  RunSpec share = {};               // members at a time, threads of each, retries, deadline
  std::function<void()> wait = {};  // between two looks at the members; default: 20 milliseconds
  bool forget_cancel = true;        // an earlier cancel of the run, which is now resumed
};

struct RunMembersResult {
  std::vector<MemberEnd> ends;  // the last one of each member that was started
  bool stopped = false;         // by the interrupt flag or a cancel, before all were done
  bool left = false;            // by the interrupt flag, while the members go on alone
};

// Runs all members, so many at a time, until each has ended; when the interrupt flag is set or somebody requests a cancel, asks
// the running ones to stop and starts no other. One that failed is started again as often as the spec's retries say, and goes
// on from its last checkpoint; one that passes its deadline is stopped and has failed. Failures are told to `view` with the end
// of the member's log.
RunMembersResult run_members(const RunFolder& run, const std::vector<std::string>& members, Runner& runner, ProgressView& view,
                             const RunMembersOptions& options = {});

// What is said of a member that has passed its deadline, of so many seconds.
std::string late_reason(double deadline);

// Makes the process that runs the members, wherever it is, stop them and end.
void request_cancel(const RunFolder& run);

// Returns when no process trains a member any more. Error if one still does after `patience` seconds: more than the grace
// period of a runner.
void wait_until_stopped(const RunFolder& run, const std::vector<std::string>& members, double patience = 45);

// The members that have not finished.
std::vector<std::string> unfinished_members(const RunFolder& run, const std::vector<std::string>& members);

}  // namespace tutti
