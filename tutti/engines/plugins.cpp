#include "tutti/engines/plugins.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "tutti/base/plugins.h"

namespace tutti {
namespace {

constexpr const char* kEntryPoint = "tutti_engine_plugin";

// The OpenMP inside vendor libraries lets a waiting thread spin for some 10 ms; where threads of other processes want the core
// (members that train in parallel), a step then takes several times as long. About 30 us keeps an idle machine's speed. libgomp
// reads this when it is loaded; what the user set stays.
void shorten_spinning() { setenv("GOMP_SPINCOUNT", "1000", /*overwrite=*/0); }

LoadedPlugin load(std::string_view name, std::string_view packages) {
  shorten_spinning();
  const OpenedPlugin opened = open_plugin(name, kEntryPoint, packages);
  if (!opened.entry) return {nullptr, opened.reason};
  const EnginePlugin* const plugin = reinterpret_cast<GetEnginePlugin>(opened.entry)();
  if (const std::string mismatch = plugin_mismatch(plugin); !mismatch.empty())
    return {nullptr, fmt::format("libtutti_{}.so: {}", name, mismatch)};
  return {plugin, ""};
}

}  // namespace

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
  LoadedPlugin result = load(name, packages);
  if (result.plugin) loaded.emplace(name, result.plugin);
  return result;
}

}  // namespace tutti
