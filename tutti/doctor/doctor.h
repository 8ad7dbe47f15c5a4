// What a machine or a cluster lacks for training, each with what to do about it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tutti/experiment/spec.h"
#include "tutti/kubernetes/kubectl.h"
#include "tutti/kubernetes/manifest.h"

namespace tutti {

enum class CheckState : std::uint8_t {
  kGood,
  kNote,    // works without it, or not as well
  kBroken,  // somebody meant it to work, and it does not
};
std::string_view name_of(CheckState state);  // good, note, broken

struct Check {
  std::string name;  // "engine torch"
  CheckState state = CheckState::kGood;
  std::string detail;  // what was found, one line
  std::string fix;     // what to do, one line; empty if nothing
};

// Processor, memory, engines, graphics cards and their driver, container runtimes, gnuplot, and whether the store can be
// written. `root`: where /proc and /dev are.
std::vector<Check> check_machine(const std::filesystem::path& store, const std::filesystem::path& root = "/");

// Whether a file that somebody put into the store on another machine is there.
Check check_same_store(const std::filesystem::path& store, const std::string& file);

// The server and what its version lacks, nodes and the GPUs that they offer, storage classes, and what the user may do.
std::vector<Check> check_cluster(Kubectl& kubectl);

// Whether the image of a spec is there, and what a Pod of it sees: this same store, writable; engines; GPUs. Makes a Pod and
// removes it; waits for it so many seconds.
std::vector<Check> check_pod(Kubectl& kubectl, const Spec& spec, const std::filesystem::path& store,
                             const ManifestOptions& options, double patience = 60);

}  // namespace tutti
