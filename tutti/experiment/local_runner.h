// Members as child processes of this one.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tutti/experiment/runner.h"

namespace tutti {

struct LocalRunnerOptions {
  // Run with the run's folder and the member's name appended; default: this program's hidden command `member`.
  std::vector<std::string> command = {};
  // From SIGTERM to SIGKILL; Kubernetes has the same.
  std::chrono::milliseconds grace = std::chrono::seconds(30);
};

// A child gets its threads as TUTTI_NUM_THREADS and OMP_NUM_THREADS, writes to its log.txt, and dies with this process. It
// stands in a session of its own, so that Ctrl-C reaches this process alone, which then asks the children to stop; what a child
// started and left behind is killed when it has ended.
std::unique_ptr<Runner> make_local_runner(LocalRunnerOptions options = {});

}  // namespace tutti
