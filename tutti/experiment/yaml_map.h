// Reads one mapping of a YAML file strictly: every error names file and line, and a key that nobody asked for is refused.
// Only the sources of this part include it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "tutti/base/error.h"

namespace tutti {

// Where a document came from.
struct YamlSource {
  std::string file;
  std::set<std::string> overridden;  // dotted paths whose values come from elsewhere,
  std::string origin = "--set ";     // and how errors call that place
  // "spec.yaml:12", or "--set fit.epochs".
  std::string place(const YAML::Node& node, const std::string& path) const;
};

// The document in `text`. Error for a syntax error.
YAML::Node parse_yaml(const std::string& text, const std::string& file);

class YamlMap {
 public:
  // `path` is the dotted path of the mapping, empty for the document. An absent or null node is an empty mapping. Error for
  // a node that is no mapping, and for a key that stands twice.
  YamlMap(const YAML::Node& node, const YamlSource& source, std::string path);

  // False, leaving `value`, if the key is absent or null. Error for another type.
  bool read(const char* key, int& value) { return read_number(key, value, "a whole number"); }
  bool read(const char* key, std::int64_t& value) { return read_number(key, value, "a whole number"); }
  bool read(const char* key, std::uint64_t& value) { return read_number(key, value, "a whole number, not negative"); }
  bool read(const char* key, double& value) { return read_number(key, value, "a number"); }
  bool read(const char* key, bool& value) { return read_number(key, value, "true or false"); }
  bool read(const char* key, std::string& value);
  // A list of names, or one name.
  bool read(const char* key, std::vector<std::string>& value);

  // The value of a key, undefined if absent.
  YAML::Node child(const char* key);
  std::string path_of(std::string_view key) const;
  // Error at this key's line (or at the mapping's).
  template <class... Args>
  [[noreturn]] void refuse(const char* key, fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(place(key), fmt::format("{}: {}", path_of(key), fmt::format(format, std::forward<Args>(args)...)));
  }
  std::string place(const char* key) const;
  // Error for the first key that was never asked for.
  void finish() const;
  const YamlSource& source() const { return source_; }

 private:
  template <class T>
  bool read_number(const char* key, T& value, const char* expected);

  YAML::Node node_;
  const YamlSource& source_;
  std::string path_;
  std::vector<std::string> asked_;
};

// Error at the key's line for a value that may not be.
void check_positive(const YamlMap& map, const char* key, std::int64_t value);
void check_not_negative(const YamlMap& map, const char* key, double value);
void check_one_of(const YamlMap& map, const char* key, const std::string& value, const std::vector<std::string>& known);

}  // namespace tutti
