// The list of engines, best first.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/engine/engine.h"

namespace tutti {

struct EngineInfo {
  std::string name;
  std::string version;               // of the engine's library; tutti's own for native and reference
  std::vector<std::string> devices;  // "cpu", "cuda:0"
  bool available = false;
  std::string reason;  // why not, and what to do
};

// Loads the plug-ins to ask them.
std::vector<EngineInfo> list_engines();

// name: reference, native, onednn, torch; "" means $TUTTI_ENGINE, else native. device: cpu, cuda, cuda:N; "" means
// $TUTTI_DEVICE, else cpu. Error says what is missing and what is available.
std::shared_ptr<Engine> make_engine(std::string_view name = "", std::string_view device = "");

// What this processor can do at best: FLOP/s of multiply-adds in registers with its widest vectors, on num_threads() threads.
// Measured by each call, for about `seconds`.
double measure_peak_flops(double seconds = 0.1);

// --- Plug-ins: a shared object libtutti_NAME.so beside libtutti.so, in ../lib/tutti of the program, or in
// $TUTTI_PLUGIN_PATH, that exports `tutti_engine_plugin`.

inline constexpr int kPluginVersion = 2;

struct EnginePlugin {
  int plugin_version;    // kPluginVersion of its build
  EngineInfo (*info)();  // never throws: the reason stands in it
  std::shared_ptr<Engine> (*make)(std::string_view device);
};
using GetEnginePlugin = const EnginePlugin* (*)();  // extern "C" const EnginePlugin* tutti_engine_plugin();

}  // namespace tutti
