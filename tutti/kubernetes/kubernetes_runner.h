// Members as Jobs of a cluster.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tutti/experiment/runner.h"
#include "tutti/kubernetes/kubectl.h"

namespace tutti {

// The Jobs go on when this process ends. `plan`: the names of all members of the run, in the order of its plan. poll() throws
// Error if the cluster refuses the Jobs; one that stops answering later is asked again.
std::unique_ptr<Runner> make_kubernetes_runner(Kubectl& kubectl, const RunFolder& run, std::vector<std::string> plan);

}  // namespace tutti
