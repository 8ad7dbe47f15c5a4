// The one exception type of tutti.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace tutti {

// A mistake of the user or a bad file. `what()` reads "[where] message", one line, and the
// message says what is wrong, what was expected, what was got.
class Error : public std::runtime_error {
 public:
  Error(std::string_view where, std::string_view message);
};

// fit(), a long read or a download was interrupted (Ctrl-C, SIGTERM). Not an Error: nothing is wrong.
class Interrupted : public std::runtime_error {
 public:
  Interrupted();
};

// Throws Error: fail("Conv2D", "filters must be positive. Got {}.", filters).
template <class... Args>
[[noreturn]] void fail(std::string_view where, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(where, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tutti
