#include "tutti/notebook/plugin.h"

#include <dlfcn.h>

#include <fmt/format.h>

#include "tutti/base/error.h"
#include "tutti/base/plugins.h"

namespace tutti {
namespace {

constexpr const char* kPackages = "libclang-cpp19 libllvm19 libclang-common-19-dev libzmq5";

LoadedCppPlugin load() {
  const OpenedPlugin opened = open_plugin("cpp", "tutti_cpp_plugin", kPackages);
  if (!opened.entry) return {nullptr, opened.reason};
  const CppPluginEntry entry = reinterpret_cast<GetCppPlugin>(opened.entry)();
  if (entry.version != kCppPluginVersion || !entry.plugin)
    return {nullptr, "libtutti_cpp.so was built for another tutti. Build it again with this one"};
  return {entry.plugin, ""};
}

}  // namespace

const CppPlugin& need_cpp_plugin() {
  const LoadedCppPlugin loaded = load_cpp_plugin();
  if (!loaded.plugin) fail("notebook", "{}.", loaded.reason);
  return *loaded.plugin;
}

LoadedCppPlugin load_cpp_plugin() {
  static const LoadedCppPlugin loaded = load();
  return loaded;
}

}  // namespace tutti
