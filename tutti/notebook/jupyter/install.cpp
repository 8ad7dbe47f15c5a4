#include "tutti/notebook/jupyter/install.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/notebook/jupyter/logo.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

constexpr const char* kFile = "kernel.json";

fs::path below(const fs::path& data) { return data / "kernels" / "tutti"; }

}  // namespace

fs::path user_kernel_folder() {
  const std::string chosen = env("JUPYTER_DATA_DIR");
  if (!chosen.empty()) return below(chosen);
  const std::string home = env("HOME");
  const std::string data = env("XDG_DATA_HOME", home.empty() ? "" : home + "/.local/share");
  if (data.empty()) fail("kernel install", "there is no home. Expected $HOME, or --prefix DIR.");
  return below(fs::path(data) / "jupyter");
}

fs::path prefix_kernel_folder(const fs::path& prefix) { return below(fs::absolute(prefix) / "share" / "jupyter"); }

fs::path system_kernel_folder() { return below("/usr/local/share/jupyter"); }

void install_kernel(const fs::path& folder, const std::vector<std::string>& command) {
  if (std::ranges::find(command, "{connection_file}") == command.end())
    fail("kernel install", "the command has no connection file. Expected {{connection_file}} in it. Got {}.",
         fmt::join(command, " "));
  // By signal: it reaches what a cell has started, too.
  const nlohmann::ordered_json json = {{"argv", command},
                                       {"display_name", "C++20 (tutti)"},
                                       {"language", "cpp"},
                                       {"interrupt_mode", "signal"},
                                       {"metadata", {{"debugger", false}}}};
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) fail("kernel install", "cannot make {}: {}. --user needs no rights.", folder.string(), code.message());
  write_file_atomically(folder / "logo-svg.svg", jupyter::logo_svg());
  for (const int size : {32, 64})
    write_file_atomically(folder / fmt::format("logo-{}x{}.png", size, size), jupyter::logo_png(size));
  // Last: with it, the kernel is there.
  write_file_atomically(folder / kFile, json.dump(2) + "\n");
}

bool uninstall_kernel(const fs::path& folder) {
  std::error_code code;
  if (!fs::exists(folder, code)) return false;
  if (!fs::exists(folder / kFile, code))
    fail("kernel uninstall", "{} is no kernel. Expected a folder with {}.", folder.string(), kFile);
  fs::remove_all(folder, code);
  if (code) fail("kernel uninstall", "cannot remove {}: {}.", folder.string(), code.message());
  return true;
}

}  // namespace tutti
