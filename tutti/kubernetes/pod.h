// What runs in a Pod: members under a parent that writes their logs into the store and the Pod's output alike, passes on
// SIGTERM, counts the attempts, notices a killed child, and makes the ensemble if the last member ends here.
#pragma once

#include <string>
#include <vector>

#include "tutti/experiment/runner.h"
#include "tutti/experiment/store.h"

namespace tutti {

struct PodEnd {
  int code = 0;       // exit code: 0 done, 1 failed but to be tried again, or one of manifest.h
  std::string error;  // one line, when failed
};

// Error if the run is not there: then the Pod's volume is not the one that holds the store.
void check_volume(const RunFolder& run);

// Trains members of a run, mostly one; of what an earlier Pod has done only the rest. `attempts`: how often a Pod may begin
// with it; one that was asked to stop does not count. Error if the run is not there.
PodEnd run_pod(const RunFolder& run, const std::vector<std::string>& wanted, int attempts, Runner& runner);

}  // namespace tutti
