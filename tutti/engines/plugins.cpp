#include "tutti/engines/plugins.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "tutti/base/files.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEntryPoint = "tutti_engine_plugin";

// The folder of the shared library (or program) that holds this code; empty if unknown.
fs::path own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&plugin_mismatch), &info) == 0 || !info.dli_fname) return {};
  std::error_code error;
  const fs::path file = fs::canonical(info.dli_fname, error);
  return error ? fs::path() : file.parent_path();
}

// The OpenMP inside vendor libraries lets a waiting thread spin for some 10 ms; where threads of other processes want the core
// (members that train in parallel), a step then takes several times as long. About 30 us keeps an idle machine's speed. libgomp
// reads this when it is loaded; what the user set stays.
void shorten_spinning() { setenv("GOMP_SPINCOUNT", "1000", /*overwrite=*/0); }

LoadedPlugin open_plugin(const fs::path& file, std::string_view packages) {
  shorten_spinning();
  // RTLD_NOW: a missing symbol shows here, not in the middle of a training. RTLD_LOCAL: the engines' libraries bring their own
  // copies of common libraries, which must not meet. Never closed: vendor libraries keep threads and thread-local state.
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char* const error = dlerror();
    return {nullptr, fmt::format("{} can not be loaded: {}. Its libraries are in the Debian package {}: apt install {}",
                                 file.string(), error ? error : "unknown error", packages, packages)};
  }
  const auto entry = reinterpret_cast<GetEnginePlugin>(dlsym(handle, kEntryPoint));
  if (!entry) return {nullptr, fmt::format("{} is no engine of tutti: it does not export {}", file.string(), kEntryPoint)};
  const EnginePlugin* const plugin = entry();
  if (const std::string mismatch = plugin_mismatch(plugin); !mismatch.empty())
    return {nullptr, fmt::format("{}: {}", file.string(), mismatch)};
  return {plugin, ""};
}

LoadedPlugin find_plugin(std::string_view name, std::string_view packages) {
  std::string searched;
  for (const fs::path& folder : plugin_folders()) {
    const fs::path file = folder / fmt::format("libtutti_{}.so", name);
    std::error_code error;
    if (fs::is_regular_file(file, error)) return open_plugin(file, packages);
    if (!searched.empty()) searched += ", ";
    searched += folder.string();
  }
  return {nullptr,
          fmt::format("libtutti_{}.so is in none of {}. Build it (its libraries: apt install {}), or say where it is in "
                      "TUTTI_PLUGIN_PATH",
                      name, searched, packages)};
}

}  // namespace

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
  if (const fs::path own = own_folder(); !own.empty()) {
    add(own);
    add(own / "tutti");
  }
  std::error_code error;
  if (const fs::path program = fs::read_symlink("/proc/self/exe", error); !error)
    add(program.parent_path().parent_path() / "lib" / "tutti");
  return folders;
}

std::string plugin_mismatch(const EnginePlugin* plugin) {
  if (!plugin) return "it gave no plug-in. Build it again with this tutti";
  if (plugin->plugin_version != kPluginVersion)
    return fmt::format("it was built for another tutti. Expected plug-in version {}. Got {}. Build it again with this tutti",
                       kPluginVersion, plugin->plugin_version);
  if (!plugin->info || !plugin->make) return "its plug-in is not complete. Build it again with this tutti";
  return "";
}

LoadedPlugin load_plugin(std::string_view name, std::string_view packages) {
  static std::mutex mutex;
  static std::map<std::string, const EnginePlugin*, std::less<>> loaded;
  const std::lock_guard lock(mutex);
  if (const auto found = loaded.find(name); found != loaded.end()) return {found->second, ""};
  LoadedPlugin result = find_plugin(name, packages);
  if (result.plugin) loaded.emplace(name, result.plugin);
  return result;
}

}  // namespace tutti
