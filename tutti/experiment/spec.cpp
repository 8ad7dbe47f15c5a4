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
// fit.optimizer.momentum is set.
void set_at(YAML::Node root, const std::string& path, const YAML::Node& value) {
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
      map["name"] = next.Scalar();
      node[key] = map;
    } else if (!next.IsDefined() || next.IsNull()) {
      node[key] = YAML::Node(YAML::NodeType::Map);
    } else if (!next.IsMap()) {
      fail("--set " + path, "{} is a list, which has no keys.", path.substr(0, dot));
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

bool is_known_set(const std::string& name) {
  const auto& known = datasets::names();
  return std::any_of(known.begin(), known.end(), [&](const auto& set) { return set.name == name; });
}

// Calls change(path text) for every model that the document names and puts what it returns in its place.
void change_files(YAML::Node root, const std::function<std::string(const std::string&)>& change) {
  const auto change_all_in = [&](YAML::Node map) {
    if (!map.IsDefined() || !map.IsMap()) return;
    for (const char* key : {"model", "trained"}) {
      YAML::Node node = std::as_const(map)[key];
      if (!node.IsDefined()) continue;
      if (node.IsScalar() && !node.Scalar().empty()) map[key] = change(node.Scalar());
      if (node.IsSequence())
        for (std::size_t i = 0; i < node.size(); ++i)
          if (node[i].IsScalar()) node[i] = change(node[i].Scalar());
    }
  };
  change_all_in(root);
  const YAML::Node members = std::as_const(root)["members"];
  change_all_in(members);
  if (!members.IsDefined() || !members.IsMap()) return;
  for (const char* list : {"include", "exclude"})
    if (const YAML::Node rows = members[list]; rows.IsDefined() && rows.IsSequence())
      for (const YAML::Node& row : rows) change_all_in(row);
}

// `is_data`: the value may be a data set's name, which is no path even if a file has that name.
void make_absolute(YAML::Node parent, const char* key, const fs::path& folder, bool is_data) {
  YAML::Node node = parent[key];
  if (!node.IsDefined() || !node.IsScalar() || node.Scalar().empty()) return;
  const fs::path path = fs::absolute(folder / node.Scalar()).lexically_normal();
  std::error_code code;
  if (!is_data || (!is_known_set(node.Scalar()) && fs::exists(path, code))) parent[key] = path.string();
}

// The words of a command that are files beside the spec: cifar_train.py, ./train.
void make_command_absolute(YAML::Node map, const fs::path& folder) {
  YAML::Node command = std::as_const(map)["command"];
  if (!command.IsDefined() || !command.IsSequence()) return;
  for (std::size_t i = 0; i < command.size(); ++i) {
    if (!command[i].IsScalar() || command[i].Scalar().empty()) continue;
    const fs::path path = folder / command[i].Scalar();
    std::error_code code;
    if (fs::is_regular_file(path, code)) command[i] = path.lexically_normal().string();
  }
}

// The document with names of files that do not depend on where it stands.
YAML::Node absolute_document(const YAML::Node& root, const fs::path& folder) {
  YAML::Node absolute = YAML::Clone(root);
  change_files(absolute, [&](const std::string& path) { return fs::absolute(folder / path).lexically_normal().string(); });
  make_command_absolute(absolute, folder);
  if (const YAML::Node members = std::as_const(absolute)["members"]; members.IsDefined() && members.IsMap())
    if (const YAML::Node rows = members["include"]; rows.IsDefined() && rows.IsSequence())
      for (const YAML::Node& row : rows) make_command_absolute(row, folder);
  if (absolute["data"].IsScalar()) {
    make_absolute(absolute, "data", folder, true);
  } else {
    make_absolute(absolute["data"], "name", folder, true);
    make_absolute(absolute["data"], "dir", folder, false);
  }
  return absolute;
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
    set_at(root, path, parse_yaml(value, origin + path));
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
  spec.ensemble = read_ensemble(map.child("ensemble"), source);
  spec.run = read_run(map.child("run"), source);
  map.finish();  // before what is missing: a mistyped key is the likelier mistake
  check_kind(spec, map);
  if (spec.data.name.empty()) fail(source.file, "data is missing. Expected data: {{name: cifar10}}.");

  YAML::Node absolute = absolute_document(root, fs::absolute(file).parent_path());
  absolute["name"] = spec.name;
  const auto text_at = [&](const char* key) {
    const YAML::Node node = std::as_const(absolute)[key];
    return node.IsDefined() && node.IsScalar() ? node.Scalar() : std::string();
  };
  spec.model = text_at("model");
  spec.trained = text_at("trained");
  if (!spec.program.command.empty())
    spec.program.command =
        absolute["command"].IsScalar() ? spec.program.command : absolute["command"].as<std::vector<std::string>>();
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
  std::map<std::string, std::string> values[2];
  flatten(parse_yaml(first.document, first.file.string()), "", values[0]);
  flatten(parse_yaml(second.document, second.file.string()), "", values[1]);
  std::map<std::string, std::string> paths = values[0];
  paths.insert(values[1].begin(), values[1].end());
  std::vector<SpecDifference> differences;
  for (const auto& [path, value] : paths)
    if (values[0][path] != values[1][path]) differences.push_back({path, values[0][path], values[1][path]});
  return differences;
}

std::vector<fs::path> files_of(const Spec& spec) {
  std::vector<fs::path> files;
  change_files(parse_yaml(spec.document, spec.file.string()), [&](const std::string& path) {
    if (std::ranges::find(files, fs::path(path)) == files.end()) files.emplace_back(path);
    return path;
  });
  return files;
}

std::string document_with_files(const Spec& spec, const std::vector<std::pair<fs::path, fs::path>>& renamed) {
  const YAML::Node root = parse_yaml(spec.document, spec.file.string());
  change_files(root, [&](const std::string& path) {
    const auto found = std::ranges::find(renamed, path, [](const auto& pair) { return pair.first.string(); });
    return found == renamed.end() ? path : found->second.string();
  });
  return YAML::Dump(root) + "\n";
}

}  // namespace tutti
