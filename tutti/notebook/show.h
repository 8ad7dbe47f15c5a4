// Showing any value: display(x), and the last expression of a notebook's cell.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <ranges>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <typeinfo>
#include <utility>
#include <vector>

#include "tutti/base/display.h"
#include "tutti/notebook/mime_bundle.h"

namespace tutti {

// How a value is written: text in quotes, numbers with as many digits as tell them apart. Compiled in the library: a cell that
// instantiates a stream waits 50 ms for it.
std::string text_of(bool value);
std::string text_of(char value);
std::string text_of(int value);
std::string text_of(long value);
std::string text_of(long long value);
std::string text_of(unsigned value);
std::string text_of(unsigned long value);
std::string text_of(unsigned long long value);
std::string text_of(float value);
std::string text_of(double value);
std::string text_of(const std::string& value);
std::string text_of(std::string_view value);
std::string text_of(const char* value);
std::string text_of(std::nullptr_t);
std::string text_of(const std::vector<int>& values);
std::string text_of(const std::vector<std::int64_t>& values);
std::string text_of(const std::vector<float>& values);
std::string text_of(const std::vector<double>& values);
std::string text_of(const std::vector<std::string>& values);

// "<Model object at 0x7f...>".
std::string text_of_object(const std::type_info& type, const void* object);
// Ranges longer than this are cut.
inline constexpr std::size_t kMostShown = 1000;

template <class T>
concept HasMimeBundle = requires(const T& value) {
  { mime_bundle(value) } -> std::convertible_to<MimeBundle>;
};
template <class T>
concept HasText = requires(const T& value) {
  { text_of(value) } -> std::convertible_to<std::string>;
};

template <class T>
std::string any_text(const T& value);

template <class... T>
std::string any_text(const std::tuple<T...>& value) {
  std::string text;
  std::apply([&](const auto&... part) { ((text += (text.empty() ? "" : ", ") + any_text(part)), ...); }, value);
  return "(" + text + ")";
}
template <class A, class B>
std::string any_text(const std::pair<A, B>& value) {
  return "(" + any_text(value.first) + ", " + any_text(value.second) + ")";
}
template <class T>
std::string any_text(const std::optional<T>& value) {
  return value ? any_text(*value) : "nothing";
}

template <class T>
std::string any_text(const T& value) {
  if constexpr (HasText<T>) {
    return text_of(value);
  } else if constexpr (HasMimeBundle<T>) {
    return plain_text(mime_bundle(value));
  } else if constexpr (requires(std::ostream & out) { out << value; }) {
    std::ostringstream out;
    out << value;
    return out.str();
  } else if constexpr (std::ranges::input_range<const T&>) {
    std::string text;
    std::size_t count = 0;
    for (const auto& item : value) {
      if (count++ == kMostShown) return "{" + text + ", ...}";
      text += (text.empty() ? "" : ", ") + any_text(item);
    }
    return "{" + text + "}";
  } else {
    return text_of_object(typeid(value), &value);
  }
}

// The forms of a value: its mime_bundle() if it has one, else text.
template <class T>
MimeBundle bundle_of(const T& value) {
  if constexpr (HasMimeBundle<T>)
    return mime_bundle(value);
  else
    return {{"text/plain", any_text(value)}};
}

// Shows a value where the program shows things: in a notebook below the cell, on a terminal as text.
template <class T>
void display(const T& value) {
  display().show(bundle_of(value));
}

}  // namespace tutti
