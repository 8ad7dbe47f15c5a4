#include "tutti/experiment/plan.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/parallel.h"
#include "tutti/engines/engines.h"
#include "tutti/ensemble/combine.h"
#include "tutti/nn/model.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

// Where the value of an axis stands in the document.
std::string path_of_axis(const std::string& key) {
  static const std::set<std::string> kTop = {"model", "trained", "command", "env", "output"};
  if (key == "data") return "data.name";
  if (kTop.contains(key) || key.find('.') != std::string::npos) return key;
  return "fit." + key;
}

// Letters, digits, '.' and '-', as host names and Kubernetes objects may have.
std::string slug(const std::string& value) {
  std::string result;
  for (const char c : value) {
    const bool keep = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.';
    if (keep)
      result += c;
    else if (!result.empty() && result.back() != '-')
      result += '-';
  }
  // A path of a model file or a mapping of options would make a name that nobody can read.
  constexpr std::size_t kLongest = 24;
  if (result.size() > kLongest) result.resize(kLongest);
  while (!result.empty() && (result.back() == '-' || result.back() == '.')) result.pop_back();
  return result;
}

const Axis* find_axis(const Spec& spec, const std::string& key) {
  const auto found = std::find_if(spec.members.begin(), spec.members.end(), [&](const Axis& axis) { return axis.key == key; });
  return found == spec.members.end() ? nullptr : &*found;
}

std::vector<std::string> all_engines() {
  std::vector<std::string> names;
  for (const EngineInfo& info : list_engines())
    if (info.available && info.name != "reference") names.push_back(info.name);
  return names;
}

std::string default_engine() { return env("TUTTI_ENGINE", "native"); }

// The list that the product needs, `all` spelled out; empty if the spec has one engine for all members, or if they are
// programs, whose engine is their own matter.
std::vector<std::string> engines_of_product(const Spec& spec) {
  const Axis* list = find_axis(spec, "engine");
  std::vector<std::string> names;
  if (list)
    names = list->values;
  else if (spec.fit.engine == "all")
    names = {"all"};
  else if (spec.fit.engine.empty() && spec.program.command.empty())
    names = {default_engine()};
  const auto all = std::ranges::find(names, "all");
  if (all == names.end()) return names;
  names.erase(all);
  for (const std::string& name : all_engines())
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  return names;
}

const std::string* find_value(const MemberRow& row, const std::string& key) {
  const auto found = std::ranges::find(row, key, &MemberRow::value_type::first);
  return found == row.end() ? nullptr : &found->second;
}

// "theano_0.7845_model.hdf5" -> "theano".
std::string name_of_model(const fs::path& file) {
  const std::string stem = file.stem().string();
  return accuracy_in_file_name(file) ? stem.substr(0, stem.find('_')) : stem;
}

// The engine that a program's environment asks for, else its own name: "cifar_train" of [python3, cifar_train.py].
std::string engine_of_program(const ProgramSpec& program) {
  for (const char* variable : {"TUTTI_ENGINE", "KERAS_BACKEND"})
    if (const std::string* value = find_value(program.environment, variable)) return *value;
  for (std::size_t i = 1; i < program.command.size(); ++i)
    if (const fs::path word = program.command[i]; !program.command[i].starts_with('-'))
      return word.has_extension() ? word.stem().string() : fs::path(program.command.front()).stem().string();
  return fs::path(program.command.front()).stem().string();
}

// The values put into the document. A row that says what its member is replaces what the spec says of all.
Spec spec_of_member(const Spec& spec, const MemberRow& values) {
  Overrides overrides;
  const bool other_kind = std::ranges::any_of(
      values, [](const auto& value) { return value.first == "model" || value.first == "command" || value.first == "trained"; });
  if (other_kind)
    for (const char* key : {"model", "command", "trained"}) overrides.emplace_back(key, "~");
  for (const auto& [key, value] : values)
    if (key != "name") overrides.emplace_back(path_of_axis(key), value);
  return parse_spec(spec.document, spec.file, overrides, spec.file.string() + ": members: ");
}

Member make_member(const Spec& spec, const MemberRow& values) {
  Member member{.values = values, .spec = spec_of_member(spec, values)};
  member.engine = member.spec.fit.engine;
  if (member.kind() == MemberKind::kProgram && !find_value(values, "engine")) {
    member.engine = engine_of_program(member.spec.program);
    // Model files are named {engine}_{accuracy}_model.
    std::ranges::replace(member.engine, '_', '-');
  }
  if (member.kind() == MemberKind::kFit && member.spec.model.empty())
    fail(spec.file.string(),
         "members.include: expected model, command or trained in each row, since the spec has none for all.");
  member.seed = member.spec.fit.seed.value_or(seed());
  member.name = member.kind() == MemberKind::kTrained ? slug(name_of_model(member.spec.trained))
                                                      : fmt::format("{}-{}", slug(member.engine), member.seed);
  return member;
}

// What tells this member from the others of the product.
std::string suffix_of(const Spec& spec, const MemberRow& values) {
  std::string suffix;
  for (const auto& [key, value] : values) {
    if (key == "engine" || key == "seed" || find_axis(spec, key)->values.size() == 1) continue;
    if (key == "env.KERAS_BACKEND" || key == "env.TUTTI_ENGINE") continue;  // it is the member's engine
    const std::size_t slash = value.rfind('/');
    suffix += "-" + slug(slash == std::string::npos ? value : value.substr(slash + 1));
  }
  return suffix;
}

bool is_excluded(const Spec& spec, const MemberRow& values) {
  return std::ranges::any_of(spec.exclude, [&](const MemberRow& row) {
    return std::ranges::all_of(row, [&](const auto& wanted) {
      const std::string* value = find_value(values, wanted.first);
      return value && *value == wanted.second;
    });
  });
}

void check_exclude(const Spec& spec) {
  std::vector<std::string> keys;
  for (const Axis& axis : spec.members) keys.push_back(axis.key);
  for (const MemberRow& row : spec.exclude)
    for (const auto& [key, value] : row)
      if (!find_axis(spec, key))
        fail(spec.file.string(), "members.exclude: '{}' is no list of members. Expected one of {}.", key,
             keys.empty() ? "none" : fmt::format("{}", fmt::join(keys, ", ")));
      else if (const Axis& axis = *find_axis(spec, key); std::ranges::find(axis.values, value) == axis.values.end())
        fail(spec.file.string(), "members.exclude: {} is no value of members.{}. Expected one of {}.", value, key,
             fmt::join(axis.values, ", "));
}

// All combinations of the lists' values.
std::vector<MemberRow> product_of(const std::vector<Axis>& axes) {
  std::vector<MemberRow> rows;
  std::vector<std::size_t> index(axes.size(), 0);
  while (true) {
    MemberRow values;
    for (std::size_t axis = 0; axis < index.size(); ++axis) values.emplace_back(axes[axis].key, axes[axis].values[index[axis]]);
    rows.push_back(std::move(values));
    std::size_t axis = index.size();
    while (axis > 0 && ++index[axis - 1] == axes[axis - 1].values.size()) index[--axis] = 0;
    if (axis == 0) return rows;
  }
}

// A row's own name, as it may stand in a folder and a Kubernetes object.
std::string checked_name(const Spec& spec, const std::string& name) {
  if (name.empty() || slug(name) != name)
    fail(spec.file.string(), "members.include: name must be made of letters, digits, '-' and '.', at most 24. Got '{}'.", name);
  return name;
}

bool has_product(const Spec& spec) { return !spec.members.empty() || spec.include.empty(); }

}  // namespace

MemberKind Member::kind() const {
  if (!spec.trained.empty()) return MemberKind::kTrained;
  return spec.program.command.empty() ? MemberKind::kFit : MemberKind::kProgram;
}

Spec resolve(const Spec& spec, Where where) {
  Overrides overrides;
  if (has_product(spec)) {
    if (const auto engines = engines_of_product(spec); !engines.empty())
      overrides.emplace_back("members.engine", fmt::format("[{}]", fmt::join(engines, ", ")));
    if (!find_axis(spec, "seed") && !spec.fit.seed) overrides.emplace_back("members.seed", fmt::format("[{}]", seed()));
  } else if (spec.fit.engine == "all") {
    fail(spec.file.string(), "fit.engine: expected one engine, since the members are listed one by one. Got all.");
  }
  if (!spec.include.empty()) {  // rows that say neither
    if (spec.fit.engine.empty() || spec.fit.engine == "all") overrides.emplace_back("fit.engine", default_engine());
    if (!spec.fit.seed) overrides.emplace_back("fit.seed", std::to_string(seed()));
  }
  if (spec.fit.device.empty()) overrides.emplace_back("fit.device", env("TUTTI_DEVICE", "cpu"));
  const Spec resolved = parse_spec(spec.document, spec.file, overrides);
  if (where == Where::kElsewhere) return resolved;
  const RunSpec run = share_cores(spec.run, static_cast<int>(plan(resolved).size()));
  return parse_spec(resolved.document, spec.file,
                    {{"run.parallel", std::to_string(run.parallel)}, {"run.threads", std::to_string(run.threads)}});
}

bool is_keras_backend(const std::string& engine) {
  static const std::set<std::string> kBackends = {"theano", "tensorflow", "cntk", "jax", "torch", "numpy", "openvino"};
  return kBackends.contains(engine);
}

RunSpec share_cores(const RunSpec& run, int members) {
  RunSpec shared = run;
  const int cores = num_threads();
  // Two members a core: engines wait for memory now and then, but each process needs its own.
  shared.parallel = std::max(1, std::min(members, run.parallel > 0 ? run.parallel : 2 * cores));
  if (run.threads <= 0) shared.threads = std::max(1, cores / shared.parallel);
  return shared;
}

std::vector<Member> plan(const Spec& spec) {
  check_exclude(spec);
  std::vector<Member> members;
  std::set<MemberRow> seen;
  std::set<std::string> names;
  const auto add = [&](Member member, bool named) {
    MemberRow values = member.values;
    std::ranges::sort(values);
    if (!seen.insert(std::move(values)).second)
      fail(spec.file.string(), "members: {} stands twice. Expected lists without repetitions.", member.name);
    // Different values may have the same slug.
    const std::string base = member.name;
    for (int copy = 2; !names.insert(member.name).second; ++copy) {
      if (named) fail(spec.file.string(), "members.include: there are two members named '{}'.", base);
      member.name = fmt::format("{}-{}", base, copy);
    }
    members.push_back(std::move(member));
  };
  if (has_product(spec))
    for (const MemberRow& values : product_of(spec.members)) {
      if (is_excluded(spec, values)) continue;
      Member member = make_member(spec, values);
      member.name += suffix_of(spec, values);
      add(std::move(member), false);
    }
  for (const MemberRow& values : spec.include) {
    Member member = make_member(spec, values);
    const std::string* name = find_value(values, "name");
    if (name) member.name = checked_name(spec, *name);
    add(std::move(member), name != nullptr);
  }
  if (members.empty()) fail(spec.file.string(), "members: none is left. Expected an exclude that leaves some.");
  return members;
}

}  // namespace tutti
