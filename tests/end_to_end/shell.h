// Runs the program as its users do: by a shell.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tutti/base/files.h"

namespace tutti {

inline const std::string kTutti = TUTTI_BINARY_DIR "/bin/tutti";

struct Result {
  int code = -1;
  std::string out, err;
};

inline std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

// A command in a folder, in which `tutti` is the program. `variables`: what else is exported, NAME=VALUE ...
inline Result run_shell(const std::filesystem::path& folder, const std::string& command, const std::string& variables = "") {
  const std::string full = "cd " + quoted(folder.string()) + " && export XDG_CACHE_HOME=$PWD " + variables + " && tutti() { " +
                           quoted(kTutti) + " \"$@\"; } && { " + command + " ; } >out.txt 2>err.txt";
  const int status = std::system(("bash -c " + quoted(full)).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(folder / "out.txt"), read_file(folder / "err.txt")};
}

}  // namespace tutti
