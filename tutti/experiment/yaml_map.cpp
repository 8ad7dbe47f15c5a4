#include "tutti/experiment/yaml_map.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "tutti/base/names.h"

namespace tutti {
namespace {

std::string shown(const YAML::Node& node) {
  if (node.IsScalar()) return fmt::format("'{}'", node.Scalar());
  return node.IsSequence() ? "a list" : "a mapping";
}

bool absent(const YAML::Node& node) { return !node.IsDefined() || node.IsNull(); }

}  // namespace

std::string YamlSource::place(const YAML::Node& node, const std::string& path) const {
  for (const std::string& given : overridden)
    if (path == given || path.starts_with(given + ".")) return origin + given;
  if (!node.IsDefined() || node.Mark().is_null()) return file;
  return fmt::format("{}:{}", file, node.Mark().line + 1);
}

YAML::Node parse_yaml(const std::string& text, const std::string& file) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    throw Error(fmt::format("{}:{}", file, error.mark.line + 1), fmt::format("not valid YAML: {}.", error.msg));
  }
}

YamlMap::YamlMap(const YAML::Node& node, const YamlSource& source, std::string path)
    : node_(node), source_(source), path_(std::move(path)) {
  if (absent(node)) return;
  if (!node.IsMap())
    fail(source.place(node, path_), "{} must be a mapping (key: value). Got {}.", path_.empty() ? "the file" : path_,
         shown(node));
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) fail(source.place(entry.first, path_), "a key must be a name. Got {}.", shown(entry.first));
    if (!seen.insert(entry.first.Scalar()).second)
      fail(source.place(entry.first, path_), "the key '{}' stands twice.", path_of(entry.first.Scalar()));
  }
}

std::string YamlMap::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

YAML::Node YamlMap::child(const char* key) {
  asked_.emplace_back(key);
  if (absent(node_)) return YAML::Node(YAML::NodeType::Undefined);
  // Through a const reference: operator[] of a mutable node would add the key.
  const YAML::Node& node = node_;
  return node[key];
}

std::string YamlMap::place(const char* key) const {
  const YAML::Node& node = node_;
  if (absent(node)) return source_.place(node, path_of(key));
  const YAML::Node value = node[key];
  return source_.place(value.IsDefined() ? value : node, path_of(key));
}

template <class T>
bool YamlMap::read_number(const char* key, T& value, const char* expected) {
  const YAML::Node node = child(key);
  if (absent(node)) return false;
  try {
    // as<unsigned>("-1") wraps around.
    if (std::is_unsigned_v<T> && node.IsScalar() && node.Scalar().starts_with('-')) throw YAML::BadConversion(node.Mark());
    value = node.as<T>();
  } catch (const YAML::Exception&) {
    refuse(key, "must be {}. Got {}.", expected, shown(node));
  }
  return true;
}
template bool YamlMap::read_number(const char*, int&, const char*);
template bool YamlMap::read_number(const char*, std::int64_t&, const char*);
template bool YamlMap::read_number(const char*, std::uint64_t&, const char*);
template bool YamlMap::read_number(const char*, double&, const char*);
template bool YamlMap::read_number(const char*, bool&, const char*);

bool YamlMap::read(const char* key, std::string& value) {
  const YAML::Node node = child(key);
  if (absent(node)) return false;
  if (!node.IsScalar()) refuse(key, "must be a name. Got {}.", shown(node));
  value = node.Scalar();
  return true;
}

bool YamlMap::read(const char* key, std::vector<std::string>& value) {
  const YAML::Node node = child(key);
  if (absent(node)) return false;
  value.clear();
  if (node.IsScalar()) {
    value.push_back(node.Scalar());
    return true;
  }
  if (!node.IsSequence()) refuse(key, "must be a list of names. Got {}.", shown(node));
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) refuse(key, "must be a list of names. Got {} in it.", shown(item));
    value.push_back(item.Scalar());
  }
  return true;
}

void YamlMap::finish() const {
  if (absent(node_)) return;
  for (const auto& entry : node_) {
    const std::string key = entry.first.Scalar();
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    fail(source_.place(entry.first, path_of(key)), "unknown key '{}'{}. {}", key, path_.empty() ? "" : " in " + path_,
         hint(key, asked_, "Known keys:"));
  }
}

void check_positive(const YamlMap& map, const char* key, std::int64_t value) {
  if (value <= 0) map.refuse(key, "must be positive. Got {}.", value);
}

void check_not_negative(const YamlMap& map, const char* key, double value) {
  if (!(value >= 0)) map.refuse(key, "must not be negative. Got {}.", value);
}

void check_one_of(const YamlMap& map, const char* key, const std::string& value, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) == known.end())
    map.refuse(key, "expected one of {}. Got '{}'.", fmt::join(known, ", "), value);
}

}  // namespace tutti
