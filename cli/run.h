// `tutti run SCRIPT ARGUMENTS...`
#pragma once

#include <optional>

namespace tutti::cli {

// The exit code of a script, if the command line is one; its arguments are its own, whatever they look like.
std::optional<int> run_script_command(int argc, char** argv);

}  // namespace tutti::cli
