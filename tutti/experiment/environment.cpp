#include "tutti/experiment/environment.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#include <fmt/format.h>

#include "tutti/base/parallel.h"
#include "tutti/engines/engines.h"

namespace tutti {
namespace {

// The value of the first "key : value" or key=value line.
std::string value_in_file(const char* path, const std::string& key, char separator) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t at = line.find(separator);
    if (at == std::string::npos) continue;
    std::string value = line.substr(at + 1);
    const auto is_padding = [](char c) { return c == ' ' || c == '\t' || c == '"'; };
    while (!value.empty() && is_padding(value.front())) value.erase(value.begin());
    while (!value.empty() && is_padding(value.back())) value.pop_back();
    return value;
  }
  return "";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe_environment() {
  std::vector<std::pair<std::string, std::string>> result = {
      {"tutti", *TUTTI_COMMIT ? fmt::format("{} ({})", TUTTI_VERSION, TUTTI_COMMIT) : TUTTI_VERSION}};
  for (const EngineInfo& info : list_engines()) {
    std::string devices;
    for (const std::string& device : info.devices) devices += (devices.empty() ? "" : ", ") + device;
    if (info.available) result.emplace_back(info.name, fmt::format("{} ({})", info.version, devices));
  }
  if (const std::string cpu = value_in_file("/proc/cpuinfo", "model name", ':'); !cpu.empty()) result.emplace_back("CPU", cpu);
  result.emplace_back("cores", std::to_string(num_threads()));
  const double bytes = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGE_SIZE));
  result.emplace_back("memory", fmt::format("{:.1f} GiB", bytes / (1 << 30)));
  utsname system{};
  if (::uname(&system) == 0)
    result.emplace_back("system", fmt::format("{} ({} {} {})", value_in_file("/etc/os-release", "PRETTY_NAME", '='),
                                              system.sysname, system.release, system.machine));
  return result;
}

}  // namespace tutti
