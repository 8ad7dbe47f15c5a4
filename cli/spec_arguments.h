// SPEC and what may be changed in it on the command line.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/command.h"
#include "tutti/experiment/plan.h"

namespace tutti::cli {

struct SpecArguments {
  std::filesystem::path spec, data;
  std::vector<std::string> set;
  int parallel = 0, threads = 0;
  void add(Command& command);
  // With the command line's values in place, these above them; and resolved.
  Spec load_given(const Overrides& more = {}) const;
  Spec load(Where where = Where::kHere, const Overrides& more = {}) const { return resolve(load_given(more), where); }
};

}  // namespace tutti::cli
