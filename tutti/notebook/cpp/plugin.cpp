// What libtutti_cpp.so exports.
#include "tutti/notebook/plugin.h"

#include "tutti/notebook/cpp/compiler.h"
#include "tutti/notebook/cpp/precompiled_header.h"
#include "tutti/notebook/cpp/script.h"

namespace tutti {
namespace {

class Plugin : public CppPlugin {
 public:
  int run_script(const std::filesystem::path& script, const std::vector<std::string>& arguments) const override {
    return run_script_here(script, arguments);
  }
  int run_kernel(const std::filesystem::path&) const override { return 1; }
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
