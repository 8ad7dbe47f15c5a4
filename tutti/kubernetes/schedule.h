// Runs that a CronJob starts: the spec waits in the store, each firing makes a run of it.
//
//   <store>/<experiment>/schedule/<time>/experiment.yaml model.* seeds cluster.json
#pragma once

#include <filesystem>
#include <string>

#include "tutti/experiment/spec.h"
#include "tutti/experiment/store.h"
#include "tutti/kubernetes/kubectl.h"

namespace tutti {

// Writes a spec and its files for firings; returns their folder. `given`: as the user wrote it, `resolved`: for elsewhere.
// Where the user gave no seed, each firing has its own.
// `cluster`: where the CronJob will be.
std::filesystem::path write_schedule(const Spec& given, const Spec& resolved, const std::filesystem::path& store,
                                     const KubectlOptions& cluster = {});

// The run of a firing: made by the Pod of the Job that comes first, the same for all of them. `job`: the Job's name, at whose
// end Kubernetes puts the time: that names the run.
RunFolder run_of_firing(const std::filesystem::path& folder, const std::string& job);

// "20261122-030000" of "cifar10-29724180" (minutes since 1970; seconds, of an old controller); the name itself if it ends
// otherwise.
std::string run_name_of_job(const std::string& job);

}  // namespace tutti
