// Diagnostics on standard error. What a program shows its user goes through display.h instead.
#pragma once

#include <string_view>

#include <fmt/format.h>

namespace tutti {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// First value: $TUTTI_LOG (debug, info, warning, error), else warning.
void set_log_level(LogLevel level);
void log_line(LogLevel level, std::string_view text);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tutti
