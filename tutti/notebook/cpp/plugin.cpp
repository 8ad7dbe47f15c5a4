// What libtutti_cpp.so exports.
#include "tutti/notebook/plugin.h"

#include "tutti/notebook/cpp/compiler.h"
#include "tutti/notebook/cpp/cpp_interpreter.h"
#include "tutti/notebook/cpp/precompiled_header.h"
#include "tutti/notebook/cpp/script.h"
#include "tutti/notebook/jupyter/install.h"
#include "tutti/notebook/jupyter/run_kernel.h"

namespace tutti {
namespace {

std::filesystem::path folder_of(const KernelPlace& place) {
  if (!place.prefix.empty()) return prefix_kernel_folder(place.prefix);
  return place.user ? user_kernel_folder() : system_kernel_folder();
}

class Plugin : public CppPlugin {
 public:
  int run_script(const std::filesystem::path& script, const std::vector<std::string>& arguments) const override {
    return run_script_here(script, arguments);
  }
  int run_kernel(const std::filesystem::path& connection_file) const override {
    return tutti::run_kernel(connection_file, make_cpp_interpreter);
  }
  std::filesystem::path install_kernel(const KernelPlace& place, const std::filesystem::path& program) const override {
    const std::filesystem::path folder = folder_of(place);
    tutti::install_kernel(folder, {program.string(), "kernel", "run", "{connection_file}"});
    return folder;
  }
  std::optional<std::filesystem::path> uninstall_kernel(const KernelPlace& place) const override {
    const std::filesystem::path folder = folder_of(place);
    if (!tutti::uninstall_kernel(folder)) return {};
    return folder;
  }
  void prepare() const override {
    for (const SourceKind kind : {SourceKind::kScript, SourceKind::kCells}) precompiled_header(kind, compiler_arguments(kind));
  }
  std::string version() const override { return "clang " + compiler_version(); }
};

}  // namespace
}  // namespace tutti

extern "C" __attribute__((visibility("default"))) tutti::CppPluginEntry tutti_cpp_plugin() {
  static const tutti::Plugin plugin;
  return {tutti::kCppPluginVersion, &plugin};
}
