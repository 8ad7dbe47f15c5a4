#include "tutti/experiment/yaml_text.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <yaml-cpp/yaml.h>
#include <nlohmann/json.hpp>

namespace tutti {
namespace {

// Plain YAML 1.1, which Kubernetes reads, takes some words for booleans and much else for numbers.
bool is_plain(const std::string& text) {
  constexpr std::array kWords = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
  if (text.empty() || (std::isalpha(static_cast<unsigned char>(text[0])) == 0 && text[0] != '/')) return false;
  std::string lower;
  for (const char c : text) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter) == 0 && std::string_view("_./-").find(c) == std::string_view::npos) return false;
    lower += static_cast<char>(std::tolower(letter));
  }
  return std::ranges::find(kWords, lower) == kWords.end();
}

void emit(YAML::Emitter& out, const Json& json) {
  if (json.is_object()) {
    if (json.empty()) out << YAML::Flow;
    out << YAML::BeginMap;
    for (const auto& [key, value] : json.items()) {
      out << YAML::Key << key << YAML::Value;
      emit(out, value);
    }
    out << YAML::EndMap;
  } else if (json.is_array()) {
    // Commands and the like stand in one line.
    const bool words = std::ranges::none_of(json, [](const Json& item) { return item.is_structured(); });
    if (words) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const Json& item : json) emit(out, item);
    out << YAML::EndSeq;
  } else if (json.is_string()) {
    const auto text = json.get<std::string>();
    if (is_plain(text))
      out << text;
    else
      out << YAML::DoubleQuoted << text;
  } else {
    out << json.dump();
  }
}

}  // namespace

std::string yaml_text(const Json& json) {
  YAML::Emitter out;
  emit(out, json);
  return std::string(out.c_str()) + "\n";
}

}  // namespace tutti
