#include "tutti/engines/engines.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/ranges.h>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/engines/native/native.h"
#include "tutti/engines/plugins.h"
#include "tutti/engines/reference/reference.h"

namespace tutti {
namespace {

// An engine is linked into libtutti (`make`), or a plug-in that needs `packages` of Debian 12.
struct EngineRow {
  std::string_view name;
  std::shared_ptr<Engine> (*make)();
  std::string_view packages;
};

// Best first. A new engine: a line here.
constexpr std::array<EngineRow, 4> kEngines{{{"native", make_native_engine, ""},
                                             {"onednn", nullptr, "libdnnl2"},
                                             {"torch", nullptr, "libtorch1.13"},
                                             {"reference", make_reference_engine, ""}}};

// Whoever links libtutti has the fallback before main() begins.
[[maybe_unused]] const bool fallback_is_set = (set_fallback(prepare_reference), true);

EngineInfo unavailable(std::string_view name, std::string reason) {
  EngineInfo info;
  info.name = name;
  info.reason = std::move(reason);
  return info;
}

EngineInfo info_of(const EngineRow& row) {
  if (row.make) return {std::string(row.name), TUTTI_VERSION, {"cpu"}, true, ""};
  const LoadedPlugin loaded = load_plugin(row.name, row.packages);
  if (!loaded.plugin) return unavailable(row.name, loaded.reason);
  EngineInfo info = loaded.plugin->info();
  info.name = row.name;
  return info;
}

// "native, reference".
std::string available_engines() {
  std::vector<std::string> names;
  for (const EngineInfo& info : list_engines())
    if (info.available) names.push_back(info.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

bool is_device_name(std::string_view device) {
  if (device == "cpu" || device == "cuda") return true;
  constexpr std::string_view kPrefix = "cuda:";
  if (!device.starts_with(kPrefix)) return false;
  const std::string_view number = device.substr(kPrefix.size());
  constexpr std::size_t kMaxDigits = 3;
  return !number.empty() && number.size() <= kMaxDigits &&
         std::all_of(number.begin(), number.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

std::vector<EngineInfo> list_engines() {
  std::vector<EngineInfo> engines;
  for (const EngineRow& row : kEngines) engines.push_back(info_of(row));
  return engines;
}

std::shared_ptr<Engine> make_engine(std::string_view name, std::string_view device) {
  const std::string wanted = name.empty() ? env("TUTTI_ENGINE", "native") : std::string(name);
  const std::string on = device.empty() ? env("TUTTI_DEVICE", "cpu") : std::string(device);
  if (!is_device_name(on)) fail("engine", "unknown device. Expected cpu, cuda or cuda:N. Got {}.", on);
  const auto row = std::find_if(kEngines.begin(), kEngines.end(), [&](const EngineRow& r) { return r.name == wanted; });
  if (row == kEngines.end()) fail("engine", "unknown engine. Expected one of: {}. Got {}.", available_engines(), wanted);
  if (row->make) {
    if (on != "cpu") fail("engine", "{} runs on the CPU only. Expected device cpu. Got {}.", wanted, on);
    return row->make();
  }
  const EngineInfo info = info_of(*row);
  if (!info.available)
    fail("engine", "{} is not available: {}. Expected one of: {}. Got {}.", wanted, info.reason, available_engines(), wanted);
  return load_plugin(row->name, row->packages).plugin->make(on);
}

}  // namespace tutti
