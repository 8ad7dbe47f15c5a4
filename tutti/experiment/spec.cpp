#include "tutti/experiment/spec.h"

#include <algorithm>
#include <functional>
#include <map>

#include "tutti/base/files.h"
#include "tutti/data/datasets.h"
#include "tutti/experiment/spec_sections.h"
#include "tutti/experiment/yaml_map.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

// Sets the value at a dotted path, making mappings on the way: `optimizer: adam` becomes {name: adam} when
// fit.optimizer.momentum is set. `origin`: how errors call the place that the value comes from.
void set_at(YAML::Node root, const std::string& path, const YAML::Node& value, const std::string& origin) {
  YAML::Node node = root;
  std::size_t begin = 0;
  while (true) {
    const std::size_t dot = path.find('.', begin);
    const std::string key = path.substr(begin, dot - begin);
    if (dot == std::string::npos) {
      node[key] = value;
      return;
    }
    YAML::Node next = node[key];
    if (next.IsDefined() && next.IsScalar()) {
      YAML::Node map(YAML::NodeType::Map);
      if (key == "optimizer" || key == "data") map["name"] = next.Scalar();
      if (key == "schedule") map["kind"] = next.Scalar();
      node[key] = map;  // of `early_stopping: true` nothing is left
    } else if (!next.IsDefined() || next.IsNull()) {
      node[key] = YAML::Node(YAML::NodeType::Map);
    } else if (!next.IsMap()) {
      fail(origin + path, "{} is a list, which has no keys.", path.substr(0, dot));
    }
    node.reset(node[key]);
    begin = dot + 1;
  }
}

// Experiments and members become folder names, and later the names of Kubernetes objects.
void check_name(const std::string& name, const std::string& place) {
  const bool valid = !name.empty() && name.size() <= 63 && name.front() != '-' && name.front() != '.' &&
                     std::all_of(name.begin(), name.end(),
                                 [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; });
  if (!valid) fail(place, "name must be made of letters, digits, '-', '_' and '.', at most 63. Got '{}'.", name);
}

// Calls change(key, value) for every value that may name a file: of the document, of the lists under members, and of their
// rows; puts what it returns in its place.
using ChangeValue = std::function<YAML::Node(const std::string& key, const YAML::Node& value)>;
constexpr const char* kFileKeys[] = {"model", "trained", "command", "data", "data.name", "data.dir"};

void change_values_in(YAML::Node map, const ChangeValue& change, bool values_are_lists) {
  if (!map.IsDefined() || !map.IsMap()) return;
  for (const char* key : kFileKeys) {
    const YAML::Node value = std::as_const(map)[key];
    if (!value.IsDefined() || value.IsNull()) continue;
    if (!values_are_lists || !value.IsSequence()) {
      map[key] = change(key, value);
      continue;
    }
    YAML::Node list(YAML::NodeType::Sequence);
    for (const YAML::Node& item : value) list.push_back(change(key, item));
    map[key] = list;
  }
}

void change_values(YAML::Node root, const ChangeValue& change) {
  change_values_in(root, change, false);
  if (YAML::Node data = std::as_const(root)["data"]; data.IsDefined() && data.IsMap())
    for (const char* key : {"name", "dir"})
      if (const YAML::Node value = std::as_const(data)[key]; value.IsDefined() && !value.IsNull())
        data[key] = change(std::string("data.") + key, value);
  const YAML::Node members = std::as_const(root)["members"];
  change_values_in(members, change, true);
  if (!members.IsDefined() || !members.IsMap()) return;
  for (const char* rows_key : {"include", "exclude"})
    if (const YAML::Node rows = members[rows_key]; rows.IsDefined() && rows.IsSequence())
      for (const YAML::Node& row : rows) change_values_in(row, change, false);
}

bool is_model_key(const std::string& key) { return key == "model" || key == "trained"; }

// The program if it has a folder, its script (the first word that is no option), and words with a folder, where they are files
// beside the spec. Other words are the program's own matter, files that it is to write for example.
YAML::Node absolute_command(const YAML::Node& command, const fs::path& folder) {
  if (command.IsScalar()) {
    const fs::path path = folder / command.Scalar();
    const bool has_folder = command.Scalar().find('/') != std::string::npos;
    return has_folder ? YAML::Node(path.lexically_normal().string()) : YAML::Clone(command);
  }
  YAML::Node words(YAML::NodeType::Sequence);
  bool script_seen = false;
  for (std::size_t i = 0; i < command.size(); ++i) {
    if (!command[i].IsScalar()) return YAML::Clone(command);  // refused later
    const std::string word = command[i].Scalar();
    const bool is_script = i > 0 && !script_seen && !word.starts_with('-');
    script_seen = script_seen || is_script;
    const fs::path path = folder / word;
    std::error_code code;
    const bool resolved = (is_script || word.find('/') != std::string::npos) && fs::is_regular_file(path, code);
    words.push_back(resolved ? path.lexically_normal().string() : word);
  }
  return words;
}

YAML::Node absolute_value(const std::string& key, const YAML::Node& value, const fs::path& folder) {
  if (key == "command") return value.IsScalar() || value.IsSequence() ? absolute_command(value, folder) : YAML::Clone(value);
  if (!value.IsScalar() || value.Scalar().empty()) return YAML::Clone(value);
  const fs::path path = fs::absolute(folder / value.Scalar()).lexically_normal();
  std::error_code code;
  // A data set's name is no path, even if a file has that name.
  const bool is_set = key == "data" || key == "data.name";
  if (is_set && (datasets::is_known(value.Scalar()) || !fs::exists(path, code))) return YAML::Clone(value);
  return YAML::Node(path.string());
}

// One of model, command and trained says what is to be trained.
void check_kind(const Spec& spec, const YamlMap& map) {
  const int kinds = static_cast<int>(!spec.model.empty()) + static_cast<int>(!spec.program.command.empty()) +
                    static_cast<int>(!spec.trained.empty());
  if (kinds > 1)
    fail(map.place(spec.model.empty() ? "trained" : "model"), "expected one of model, command and trained. Got {}.", kinds);
  // Members that are listed one by one may each say it for themselves.
  const bool all_listed = spec.members.empty() && !spec.include.empty();
  if (kinds == 0 && !all_listed)
    fail(spec.file.string(), "model is missing. Expected a model file (.yaml, .json or .h5), or a command.");
}

// The document as dotted paths and the text of their values; a list is one value.
void flatten(const YAML::Node& node, const std::string& path, std::map<std::string, std::string>& values) {
  if (node.IsMap() && node.size() > 0) {
    for (const auto& entry : node) flatten(entry.second, (path.empty() ? "" : path + ".") + entry.first.Scalar(), values);
    return;
  }
  YAML::Emitter out;
  out.SetMapFormat(YAML::Flow);
  out.SetSeqFormat(YAML::Flow);
  out << node;
  values[path] = out.c_str();
}

// The same, with files beside the spec named without their folder.
std::map<std::string, std::string> flat_document(const Spec& spec) {
  std::map<std::string, std::string> values;
  flatten(parse_yaml(spec.document, spec.file.string()), "", values);
  const std::string folder = fs::absolute(spec.file).parent_path().string() + "/";
  for (auto& [path, text] : values)
    for (std::size_t at = 0; (at = text.find(folder, at)) != std::string::npos;) text.erase(at, folder.size());
  return values;
}

}  // namespace

std::pair<std::string, std::string> parse_override(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || text.front() == '.')
    fail("--set", "expected KEY=VALUE, for example fit.epochs=2. Got '{}'.", text);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Spec parse_spec(const std::string& text, const fs::path& file, const Overrides& overrides, const std::string& origin) {
  YamlSource source{.file = file.string(), .overridden = {}, .origin = origin};
  const YAML::Node root = parse_yaml(text, source.file);
  if (!root.IsMap()) fail(source.file, "not an experiment: expected a mapping with the keys model, data, fit, members.");
  for (const auto& [path, value] : overrides) {
    set_at(root, path, parse_yaml(value, origin + path), origin);
    source.overridden.insert(path);
  }

  Spec spec{.file = file};
  YamlMap map(root, source, "");
  if (map.read("name", spec.name))
    check_name(spec.name, map.place("name"));
  else
    spec.name = file.stem().string();
  std::string model, trained;
  map.read("model", model);
  map.read("trained", trained);
  spec.model = model;
  spec.trained = trained;
  spec.program = read_program(map);
  const YAML::Node data = map.child("data");
  if (data.IsDefined()) spec.data = read_data(data, source);
  spec.fit = read_fit(map.child("fit"), source);
  MembersSection members = read_members(map.child("members"), source);
  spec.members = std::move(members.lists);
  spec.include = std::move(members.include);
  spec.exclude = std::move(members.exclude);
  spec.ensemble = read_ensemble(map.child("ensemble"), source, spec.grow);
  spec.run = read_run(map.child("run"), source);
  spec.kubernetes = read_kubernetes(map.child("kubernetes"), source);
  map.finish();  // before what is missing: a mistyped key is the likelier mistake
  check_kind(spec, map);
  if (spec.data.name.empty()) fail(source.file, "data is missing. Expected data: {{name: cifar10}}.");

  // The document with names of files that do not depend on where it stands.
  const fs::path folder = fs::absolute(file).parent_path();
  YAML::Node absolute = YAML::Clone(root);
  change_values(absolute, [&](const std::string& key, const YAML::Node& value) { return absolute_value(key, value, folder); });
  absolute["name"] = spec.name;
  const auto text_at = [&](const char* key) {
    const YAML::Node node = std::as_const(absolute)[key];
    return node.IsDefined() && node.IsScalar() ? node.Scalar() : std::string();
  };
  spec.model = text_at("model");
  spec.trained = text_at("trained");
  if (!spec.program.command.empty()) {
    const YAML::Node command = std::as_const(absolute)["command"];
    spec.program.command = command.IsScalar() ? std::vector{command.Scalar()} : command.as<std::vector<std::string>>();
  }
  spec.data.name = absolute["data"].IsScalar() ? absolute["data"].Scalar() : absolute["data"]["name"].Scalar();
  if (!spec.data.dir.empty()) spec.data.dir = absolute["data"]["dir"].Scalar();
  spec.document = YAML::Dump(absolute) + "\n";
  return spec;
}

Spec load_spec(const fs::path& file, const Overrides& overrides) {
  std::error_code code;
  if (!fs::exists(file, code)) fail("spec", "there is no file {}. Expected an experiment's YAML file.", file.string());
  return parse_spec(read_file(file, std::size_t{1} << 20), file, overrides);
}

std::vector<SpecDifference> differences_of(const Spec& first, const Spec& second) {
  std::map<std::string, std::string> values[] = {flat_document(first), flat_document(second)};
  std::map<std::string, std::string> paths = values[0];
  paths.insert(values[1].begin(), values[1].end());
  std::vector<SpecDifference> differences;
  for (const auto& [path, value] : paths)
    if (values[0][path] != values[1][path]) differences.push_back({path, values[0][path], values[1][path]});
  const std::vector<fs::path> others = files_of(second);
  for (const fs::path& file : files_of(first)) {
    const auto other = std::ranges::find(others, file.filename(), [](const fs::path& path) { return path.filename(); });
    if (other != others.end() && read_file(file) != read_file(*other))
      differences.push_back({"contents of " + file.filename().string(), "one", "another"});
  }
  return differences;
}

std::vector<fs::path> files_of(const Spec& spec) {
  std::vector<fs::path> files;
  change_values(parse_yaml(spec.document, spec.file.string()), [&](const std::string& key, const YAML::Node& value) {
    if (is_model_key(key) && value.IsScalar() && std::ranges::find(files, fs::path(value.Scalar())) == files.end())
      files.emplace_back(value.Scalar());
    return YAML::Clone(value);
  });
  return files;
}

std::string document_with_files(const Spec& spec, const std::vector<std::pair<fs::path, fs::path>>& renamed) {
  const YAML::Node root = parse_yaml(spec.document, spec.file.string());
  change_values(root, [&](const std::string& key, const YAML::Node& value) {
    if (!is_model_key(key) || !value.IsScalar()) return YAML::Clone(value);
    const auto found = std::ranges::find(renamed, value.Scalar(), [](const auto& pair) { return pair.first.string(); });
    return found == renamed.end() ? YAML::Clone(value) : YAML::Node(found->second.string());
  });
  return YAML::Dump(root) + "\n";
}

}  // namespace tutti
