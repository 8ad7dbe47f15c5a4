// Scripts: C++ programs of one file that are compiled when they are run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tutti {

// Compiles a script, or takes what was compiled before, and runs its main() in this process. Returns the exit code. The
// compiler's words go to standard error. Error if the script cannot be read or has no main().
int run_script_here(const std::filesystem::path& script, const std::vector<std::string>& arguments);

}  // namespace tutti
