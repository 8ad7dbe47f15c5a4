// The C++ compiler and the Jupyter kernel are a plug-in, libtutti_cpp.so (cpp/, jupyter/): clang and LLVM are large, and tutti
// itself does without them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tutti {

// Where Jupyter looks for kernels: your own (~/.local/share/jupyter), PREFIX/share/jupyter, or, with neither, the machine's.
struct KernelPlace {
  bool user = false;
  std::filesystem::path prefix = {};
};

class CppPlugin {
 public:
  virtual ~CppPlugin() = default;
  // Compiles a script, or takes it from the cache, and runs its main(). `arguments`: argv, the script first. Returns the exit
  // code; the compiler's words have gone to standard error.
  virtual int run_script(const std::filesystem::path& script, const std::vector<std::string>& arguments) const = 0;
  // Serves a notebook until it is told to end. Returns the exit code.
  virtual int run_kernel(const std::filesystem::path& connection_file) const = 0;
  // Registers the kernel with Jupyter (jupyter/install.h), for `program` as the path of tutti; returns its folder.
  virtual std::filesystem::path install_kernel(const KernelPlace& place, const std::filesystem::path& program) const = 0;
  // Returns its folder; nothing if there was none.
  virtual std::optional<std::filesystem::path> uninstall_kernel(const KernelPlace& place) const = 0;
  // Makes what the first script and the first cell would wait for: the precompiled headers.
  virtual void prepare() const = 0;
  // "clang 19.1.7".
  virtual std::string version() const = 0;
};

inline constexpr int kCppPluginVersion = 1;
struct CppPluginEntry {
  int version = kCppPluginVersion;
  const CppPlugin* plugin = nullptr;
};
// The plug-in exports "tutti_cpp_plugin".
using GetCppPlugin = CppPluginEntry (*)();

// The plug-in, or the reason why there is none and what to do.
struct LoadedCppPlugin {
  const CppPlugin* plugin = nullptr;
  std::string reason;
};
LoadedCppPlugin load_cpp_plugin();
// Error with that reason.
const CppPlugin& need_cpp_plugin();

}  // namespace tutti
