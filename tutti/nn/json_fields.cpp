#include "tutti/nn/json_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tutti/base/error.h"

namespace tutti {
namespace {

// The library writes by recursion, so that a hostile depth would overflow the stack.
bool is_deeper_than(const Json& value, int levels) {
  if (!value.is_structured()) return false;
  return levels == 0 ||
         std::any_of(value.begin(), value.end(), [&](const Json& item) { return is_deeper_than(item, levels - 1); });
}

}  // namespace

JsonFields::JsonFields(std::string where, const Json& object) : where_(std::move(where)), object_(object) {
  if (!object.is_null() && !object.is_object()) fail(where_, "expected an object of options. Got {}.", json_text(object));
}

const Json* JsonFields::find(const char* key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

double JsonFields::number(const char* key, double fallback) const {
  const Json* value = find(key);
  if (!value) return fallback;
  if (value->is_object() && value->contains("value")) value = &(*value)["value"];
  if (!value->is_number()) fail(where_, "{} must be a number. Got {}.", key, json_text(*value));
  return value->get<double>();
}

bool JsonFields::flag(const char* key, bool fallback) const {
  const Json* value = find(key);
  if (!value) return fallback;
  if (!value->is_boolean()) fail(where_, "{} must be true or false. Got {}.", key, json_text(*value));
  return value->get<bool>();
}

std::string JsonFields::text(const char* key, std::string_view fallback) const {
  const Json* value = find(key);
  if (!value) return std::string(fallback);
  if (!value->is_string()) fail(where_, "{} must be a text. Got {}.", key, json_text(*value));
  return value->get<std::string>();
}

NamedConfig read_named_config(const char* where, const Json& config) {
  if (config.is_string()) return {config.get<std::string>(), nullptr};
  if (!config.is_object()) fail(where, "expected a name or an object with class_name. Got {}.", json_text(config));
  const JsonFields fields(where, config);
  const Json* options = fields.find("config");
  if (options && options->is_string()) return {options->get<std::string>(), nullptr};
  if (!fields.find("class_name")) fail(where, "expected a name or an object with class_name. Got {}.", json_text(config));
  return {fields.text("class_name", ""), options};
}

std::string json_text(const Json& value) {
  constexpr int kLevels = 16;
  constexpr std::size_t kLength = 200;
  if (is_deeper_than(value, kLevels)) return "a deeply nested value";
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kLength) text.replace(kLength, std::string::npos, "...");
  return text;
}

}  // namespace tutti
