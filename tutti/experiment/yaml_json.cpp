#include "tutti/experiment/yaml_json.h"

#include <charconv>
#include <optional>

#include <nlohmann/json.hpp>

namespace tutti {
namespace {

template <class T>
std::optional<T> parse(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end) return {};
  return value;
}

Json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted
  if (text == "true" || text == "True") return true;
  if (text == "false" || text == "False") return false;
  if (text.empty() || text == "null" || text == "~" || text == "None") return nullptr;
  if (const auto value = parse<std::int64_t>(text)) return *value;
  if (const auto value = parse<double>(text)) return *value;
  if (const std::size_t slash = text.find('/'); slash != std::string::npos) {
    const auto numerator = parse<double>(std::string_view(text).substr(0, slash));
    const auto denominator = parse<double>(std::string_view(text).substr(slash + 1));
    if (numerator && denominator && *denominator != 0) return *numerator / *denominator;
  }
  return text;
}

}  // namespace

Json json_of_yaml(const YAML::Node& node) {
  if (node.IsScalar()) return scalar(node);
  if (node.IsSequence()) {
    Json list = Json::array();
    for (const YAML::Node& item : node) list.push_back(json_of_yaml(item));
    return list;
  }
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& entry : node) object[entry.first.Scalar()] = json_of_yaml(entry.second);
    return object;
  }
  return nullptr;
}

}  // namespace tutti
