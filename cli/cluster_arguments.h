// Where members run, and what of a spec's `kubernetes` section may be changed on the command line.
#pragma once

#include <filesystem>
#include <string>

#include "cli/command.h"
#include "tutti/experiment/spec.h"
#include "tutti/kubernetes/kubectl.h"
#include "tutti/kubernetes/manifest.h"

namespace tutti::cli {

struct ClusterArguments {
  std::string context, name_space, image;
  void add(Command& command);
  // As overrides of a spec.
  Overrides overrides() const;
};

// `store` unless the user left it to us: then MOUNT/runs, of the volume of the spec.
std::filesystem::path store_for_pods(const Spec& spec, const std::filesystem::path& store);

// A spec made ready for Pods: data sets are looked for in the volume unless the spec says where; the store is in it unless the
// user said where. `fetch`: a data set that is nowhere is downloaded. Error if Pods would not see a file.
Spec spec_for_pods(const Spec& spec, std::filesystem::path& store, std::string& note, bool fetch);

// What manifests need of the cluster. With `must_answer` false, a cluster that does not answer is taken for the newest there
// is, and a line on standard error says so.
ManifestOptions manifest_options(const Spec& spec, const std::filesystem::path& store, bool must_answer);

}  // namespace tutti::cli
