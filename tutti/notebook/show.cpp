#include "tutti/notebook/show.h"

#include <cxxabi.h>

#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tutti {
namespace {

template <class T>
std::string list_of(const std::vector<T>& values) {
  std::string text = "{";
  for (std::size_t i = 0; i < values.size() && i < kMostShown; ++i) text += (i == 0 ? "" : ", ") + text_of(values[i]);
  return text + (values.size() > kMostShown ? ", ...}" : "}");
}

}  // namespace

std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(char value) { return fmt::format("{:?}", value); }
std::string text_of(int value) { return fmt::to_string(value); }
std::string text_of(long value) { return fmt::to_string(value); }
std::string text_of(long long value) { return fmt::to_string(value); }
std::string text_of(unsigned value) { return fmt::to_string(value); }
std::string text_of(unsigned long value) { return fmt::to_string(value); }
std::string text_of(unsigned long long value) { return fmt::to_string(value); }
std::string text_of(float value) { return fmt::format("{}", value); }
std::string text_of(double value) { return fmt::format("{}", value); }
std::string text_of(const std::string& value) { return fmt::format("{:?}", value); }
std::string text_of(std::string_view value) { return fmt::format("{:?}", value); }
std::string text_of(const char* value) { return value ? fmt::format("{:?}", std::string_view(value)) : "nullptr"; }
std::string text_of(std::nullptr_t) { return "nullptr"; }
std::string text_of(const std::vector<int>& values) { return list_of(values); }
std::string text_of(const std::vector<std::int64_t>& values) { return list_of(values); }
std::string text_of(const std::vector<float>& values) { return list_of(values); }
std::string text_of(const std::vector<double>& values) { return list_of(values); }
std::string text_of(const std::vector<std::string>& values) { return list_of(values); }

std::string text_of_object(const std::type_info& type, const void* object) {
  int status = 0;
  char* const name = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string text = fmt::format("<{} object at {}>", name ? name : type.name(), object);
  std::free(name);
  return text;
}

}  // namespace tutti
