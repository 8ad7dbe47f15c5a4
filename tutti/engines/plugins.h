// Finding and loading the engines that are shared objects of their own. Private to engines/.
#pragma once

#include <string>
#include <string_view>

#include "tutti/engines/engines.h"

namespace tutti {

// A loaded plug-in, or the reason why there is none and what to do.
struct LoadedPlugin {
  const EnginePlugin* plugin = nullptr;  // lives as long as the process
  std::string reason;
};

// Loads libtutti_NAME.so (base/plugins.h). `packages`: the Debian packages that hold the
// libraries it needs, for the reason.
LoadedPlugin load_plugin(std::string_view name, std::string_view packages);

// Why what a shared object exports can not be used; empty if it can.
std::string plugin_mismatch(const EnginePlugin* plugin);

}  // namespace tutti
