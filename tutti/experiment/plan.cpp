#include "tutti/experiment/plan.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/parallel.h"
#include "tutti/engines/engines.h"
#include "tutti/nn/model.h"

namespace tutti {
namespace {

// Where the value of an axis stands in the document.
std::string path_of_axis(const std::string& key) {
  if (key == "data") return "data.name";
  if (key == "model" || key.find('.') != std::string::npos) return key;
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

Member make_member(const Spec& spec, const std::vector<std::pair<std::string, std::string>>& values) {
  Overrides overrides;
  for (const auto& [key, value] : values) overrides.emplace_back(path_of_axis(key), value);
  Member member{.values = values, .spec = parse_spec(spec.document, spec.file, overrides, spec.file.string() + ": members: ")};
  member.engine = member.spec.fit.engine;
  member.seed = member.spec.fit.seed.value_or(seed());
  member.name = fmt::format("{}-{}", slug(member.engine), member.seed);
  for (const auto& [key, value] : values) {
    if (key == "engine" || key == "seed" || find_axis(spec, key)->values.size() == 1) continue;
    const std::size_t slash = value.rfind('/');
    member.name += "-" + slug(slash == std::string::npos ? value : value.substr(slash + 1));
  }
  return member;
}

}  // namespace

Spec resolve(const Spec& spec) {
  Overrides overrides;
  const Axis* engines = find_axis(spec, "engine");
  std::vector<std::string> names;
  if (engines) names = engines->values;
  if (!engines && spec.fit.engine.empty()) names = {env("TUTTI_ENGINE", "native")};
  if (!engines && spec.fit.engine == "all") names = {"all"};
  if (const auto all = std::find(names.begin(), names.end(), "all"); all != names.end()) {
    names.erase(all);
    for (const std::string& name : all_engines())
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  if (!names.empty()) overrides.emplace_back("members.engine", fmt::format("[{}]", fmt::join(names, ", ")));
  if (!find_axis(spec, "seed") && !spec.fit.seed) overrides.emplace_back("members.seed", fmt::format("[{}]", seed()));
  const Spec resolved = parse_spec(spec.document, spec.file, overrides);
  const RunSpec run = share_cores(spec.run, static_cast<int>(plan(resolved).size()));
  return parse_spec(resolved.document, spec.file,
                    {{"run.parallel", std::to_string(run.parallel)}, {"run.threads", std::to_string(run.threads)}});
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
  std::vector<Member> members;
  std::vector<std::size_t> index(spec.members.size(), 0);
  while (true) {
    std::vector<std::pair<std::string, std::string>> values;
    for (std::size_t axis = 0; axis < index.size(); ++axis)
      values.emplace_back(spec.members[axis].key, spec.members[axis].values[index[axis]]);
    members.push_back(make_member(spec, values));
    std::size_t axis = index.size();
    while (axis > 0 && ++index[axis - 1] == spec.members[axis - 1].values.size()) index[--axis] = 0;
    if (axis == 0) break;
  }
  std::set<std::vector<std::pair<std::string, std::string>>> seen;
  std::set<std::string> names;
  for (Member& member : members) {
    if (!seen.insert(member.values).second)
      fail(spec.file.string(), "members: {} stands twice. Expected lists without repetitions.", member.name);
    // Different values may have the same slug.
    const std::string base = member.name;
    for (int copy = 2; !names.insert(member.name).second; ++copy) member.name = fmt::format("{}-{}", base, copy);
  }
  return members;
}

}  // namespace tutti
