// SPEC and what may be changed in it on the command line.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/command.h"
#include "tutti/experiment/spec.h"

namespace tutti::cli {

struct SpecArguments {
  std::filesystem::path spec, data;
  std::vector<std::string> set;
  int parallel = 0, threads = 0;
  void add(Command& command);
  // Resolved.
  Spec load() const;
};

}  // namespace tutti::cli
