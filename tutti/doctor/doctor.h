// What a machine or a cluster lacks for training, each with what to do about it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tutti/kubernetes/kubectl.h"

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

// The server and what its version lacks, nodes and the GPUs that they offer, storage classes, and what the user may do.
std::vector<Check> check_cluster(Kubectl& kubectl);

}  // namespace tutti
