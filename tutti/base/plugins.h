// Finding and opening the parts of tutti that are shared objects of their own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tutti {

// An entry point of a plug-in, or the reason why there is none and what to do.
struct OpenedPlugin {
  void* entry = nullptr;  // lives as long as the process
  std::string reason;
};

// Looks for libtutti_NAME.so in plugin_folders() and opens the first one found. `packages`: the Debian packages that hold the
// libraries it needs, for the reason.
OpenedPlugin open_plugin(std::string_view name, const char* entry_point, std::string_view packages);

// $TUTTI_PLUGIN_PATH (folders separated by ':'), the folder of libtutti.so and its tutti/, ../lib/tutti of the program.
std::vector<std::filesystem::path> plugin_folders();

// The folder of libtutti.so; empty if unknown.
std::filesystem::path library_folder();

}  // namespace tutti
