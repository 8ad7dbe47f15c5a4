#include "tutti/base/log.h"

#include <atomic>
#include <cstdio>
#include <string>

#include "tutti/base/files.h"

namespace tutti {
namespace {

LogLevel initial_level() {
  const std::string name = env("TUTTI_LOG");
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "error") return LogLevel::kError;
  return LogLevel::kWarning;
}

std::atomic<LogLevel>& level() {
  static std::atomic<LogLevel> value{initial_level()};
  return value;
}

}  // namespace

void set_log_level(LogLevel value) { level() = value; }

void log_line(LogLevel line_level, std::string_view text) {
  if (line_level < level().load()) return;
  static constexpr const char* kNames[] = {"debug", "info", "warning", "error"};
  // One write, so that lines of several threads and processes do not mix.
  const std::string line = fmt::format("tutti: {}: {}\n", kNames[static_cast<int>(line_level)], text);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace tutti
