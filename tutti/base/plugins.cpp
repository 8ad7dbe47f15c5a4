#include "tutti/base/plugins.h"

#include <dlfcn.h>

#include <algorithm>

#include <fmt/format.h>

#include "tutti/base/files.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

OpenedPlugin open_file(const fs::path& file, const char* entry_point, std::string_view packages) {
  // RTLD_NOW: a missing symbol shows here, not in the middle of a training. RTLD_LOCAL: the plug-ins' libraries bring their own
  // copies of common libraries, which must not meet. Never closed: vendor libraries keep threads and thread-local state.
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char* const error = dlerror();
    return {nullptr, fmt::format("{} can not be loaded: {}. Its libraries are in the Debian package {}: apt install {}",
                                 file.string(), error ? error : "unknown error", packages, packages)};
  }
  void* const entry = dlsym(handle, entry_point);
  if (!entry) return {nullptr, fmt::format("{} is no plug-in of tutti: it does not export {}", file.string(), entry_point)};
  return {entry, ""};
}

}  // namespace

fs::path library_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&library_folder), &info) == 0 || !info.dli_fname) return {};
  std::error_code error;
  const fs::path file = fs::canonical(info.dli_fname, error);
  return error ? fs::path() : file.parent_path();
}

std::vector<fs::path> plugin_folders() {
  std::vector<fs::path> folders;
  const auto add = [&](fs::path folder) {
    if (!folder.empty() && std::find(folders.begin(), folders.end(), folder) == folders.end())
      folders.push_back(std::move(folder));
  };
  const std::string path = env("TUTTI_PLUGIN_PATH");
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t colon = std::min(path.find(':', begin), path.size());
    add(path.substr(begin, colon - begin));
    begin = colon + 1;
  }
  if (const fs::path own = library_folder(); !own.empty()) {
    add(own);
    add(own / "tutti");
  }
  std::error_code error;
  if (const fs::path program = fs::read_symlink("/proc/self/exe", error); !error)
    add(program.parent_path().parent_path() / "lib" / "tutti");
  return folders;
}

OpenedPlugin open_plugin(std::string_view name, const char* entry_point, std::string_view packages) {
  std::string searched;
  for (const fs::path& folder : plugin_folders()) {
    const fs::path file = folder / fmt::format("libtutti_{}.so", name);
    std::error_code error;
    if (fs::is_regular_file(file, error)) return open_file(file, entry_point, packages);
    if (!searched.empty()) searched += ", ";
    searched += folder.string();
  }
  return {nullptr,
          fmt::format("libtutti_{}.so is in none of {}. Build it (its libraries: apt install {}), or say where it is in "
                      "TUTTI_PLUGIN_PATH",
                      name, searched, packages)};
}

}  // namespace tutti
