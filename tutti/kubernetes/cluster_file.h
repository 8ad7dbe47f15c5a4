// cluster.json of a run, or of a schedule: where its Jobs are.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tutti/experiment/spec.h"
#include "tutti/experiment/store.h"
#include "tutti/kubernetes/kubectl.h"

namespace tutti {

struct RunCluster {
  KubectlOptions kubectl;
  std::string job;  // the one Job of all members, of a run that a CronJob started; "": those with the run's id
  std::string id;   // of the run's objects
};
// Nothing if it never was on a cluster.
std::optional<RunCluster> cluster_of(const std::filesystem::path& folder);
inline std::optional<RunCluster> cluster_of(const RunFolder& run) { return cluster_of(run.path()); }
void write_cluster(const std::filesystem::path& folder, const RunCluster& cluster);
// Where a spec wants its Jobs.
KubectlOptions cluster_of(const Spec& spec);

}  // namespace tutti
