// Finding and loading the engines that are shared objects of their own. Private to engines/.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/engines/engines.h"

namespace tutti {

// A loaded plug-in, or the reason why there is none and what to do.
struct LoadedPlugin {
  const EnginePlugin* plugin = nullptr;  // lives as long as the process
  std::string reason;
};

// Looks for libtutti_NAME.so in plugin_folders() and loads the first one found. `packages`: the Debian packages that hold the
// libraries it needs, for the reason.
LoadedPlugin load_plugin(std::string_view name, std::string_view packages);

// $TUTTI_PLUGIN_PATH (folders separated by ':'), the folder of libtutti.so and its tutti/, ../lib/tutti of the program.
std::vector<std::filesystem::path> plugin_folders();

// Why what a shared object exports can not be used; empty if it can.
std::string plugin_mismatch(const EnginePlugin* plugin);

}  // namespace tutti
