#include "tutti/experiment/experiment.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/log.h"
#include "tutti/base/names.h"
#include "tutti/base/process.h"
#include "tutti/data/datasets.h"
#include "tutti/engines/engines.h"
#include "tutti/experiment/environment.h"
#include "tutti/experiment/member.h"
#include "tutti/experiment/model_file.h"
#include "tutti/experiment/outcome.h"
#include "tutti/experiment/splits.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

void check_engine(const Member& member) {
  std::vector<std::string> engines;
  for (const EngineInfo& info : list_engines()) engines.push_back(info.name);
  // One that is known but not available fails as a member: the others can do without it.
  if (std::ranges::find(engines, member.engine) != engines.end()) return;
  fail(member.spec.file.string(), "members: unknown engine '{}'. {}", member.engine, hint(member.engine, engines));
}

// "3f2a9c1", "3f2a9c1-dirty"; empty where git knows of none.
std::string commit_of(const fs::path& folder) {
  if (!find_program("git")) return "";
  const Captured git = capture({"git", "-C", folder.string(), "describe", "--always", "--dirty"});
  return git.end.ok() ? git.out.substr(0, git.out.find('\n')) : "";
}

// Members are compared on the same test images, and an ensemble that is fitted on their predictions needs the same validation
// images: found out now, not after the last training.
void check_same_data(const Member& first, const Member& member) {
  const auto test = [](const DataSpec& data) { return std::tie(data.name, data.dir, data.test_limit, data.test); };
  const auto validation = [](const DataSpec& data) { return std::tie(data.limit, data.samples, data.validation, data.seed); };
  const DataSpec &one = first.spec.data, &other = member.spec.data;
  const std::string file = member.spec.file.string();
  if (test(one) != test(other))
    fail(file, "members: {} would be tested on other images than {}. Expected the same data.name, dir, test and test_limit.",
         member.name, first.name);
  if (needs_one_validation_split(member.spec.ensemble) && validation(one) != validation(other))
    fail(file,
         "members: {} has other validation images than {}, and ensemble: {} is fitted on them. Expected the same data.limit, "
         "samples, validation and seed.",
         member.name, first.name, describe(member.spec.ensemble));
}

// What a run, or a schedule, has in its folder besides copies of models (docs/formats/store.md).
constexpr const char* kOwnNames[] = {
    "spec.yaml", "environment.json", "cancel", "cluster.json", "attempts.json", "experiment.yaml",
    "seeds",     "members",          "models", "ended",        "ensemble"};

// A name that no file of the run has or will have.
std::string unused_name(const fs::path& folder, const fs::path& name) {
  std::string result = name.string();
  const auto is_taken = [&](const std::string& file) {
    return std::ranges::find(kOwnNames, file) != std::end(kOwnNames) || fs::exists(folder / file);
  };
  for (int copy = 2; is_taken(result); ++copy)
    result = fmt::format("{}-{}{}", name.stem().string(), copy, name.extension().string());
  return result;
}

}  // namespace

Spec prepare_data(const Spec& spec, std::string& note) {
  const DataSpec& data = spec.data;
  if (is_at_hand(data)) return spec;
  datasets::LoadOptions options;
  options.dir = data.dir;
  try {
    datasets::load_dataset(data.name, options);
    return spec;
  } catch (const Error& error) {
    if (data.fallback.empty()) throw;
    note = fmt::format("{} is not here and could not be downloaded ({}); using {} instead.", data.name, error.what(),
                       data.fallback);
  }
  return parse_spec(spec.document, spec.file, {{"data.name", data.fallback}});
}

void check_members(const std::vector<Member>& members, Where where) {
  for (const Member& member : members) check_same_data(members.front(), member);
  // Building a model draws all its weights: once for each file is enough.
  std::set<fs::path> checked;
  for (const Member& member : members) {
    if (member.kind() == MemberKind::kProgram) {
      if (where == Where::kHere && !find_program(member.spec.program.command[0]))
        fail(member.spec.file.string(), "{}: there is no program '{}'. Expected one in $PATH, or a path to it.", member.name,
             member.spec.program.command[0]);
      continue;
    }
    check_engine(member);
    const bool trained = member.kind() == MemberKind::kTrained;
    if (!trained) check_fit(member.spec.fit);
    const fs::path& file = trained ? member.spec.trained : member.spec.model;
    if (!checked.insert(file).second) continue;
    std::error_code code;
    if (trained && !fs::exists(file, code))
      fail(member.spec.file.string(), "members: there is no trained model {}. Expected a Keras file: .h5 or .hdf5.",
           file.string());
    if (trained)
      load_model(file, false);
    else
      model_from_file(file);
  }
}

void write_spec(const Spec& spec, const fs::path& folder, const std::string& name) {
  std::vector<std::pair<fs::path, fs::path>> copies;
  for (const fs::path& file : files_of(spec)) {
    // Under their own names: members are named after them.
    const std::string copy = unused_name(folder, file.filename());
    std::error_code code;
    fs::copy_file(file, folder / copy, code);
    if (code) fail("store", "cannot copy {} to {}: {}.", file.string(), folder.string(), code.message());
    copies.emplace_back(file, copy);
  }
  write_file_atomically(folder / name, fmt::format("# {} as resolved by tutti {}\n{}", spec.file.filename().string(),
                                                   TUTTI_VERSION, document_with_files(spec, copies)));
}

RunFolder write_run(const Spec& spec, const fs::path& store, const std::string& run_name) {
  const RunFolder run = create_run(store, spec.name, run_name);
  nlohmann::ordered_json environment = nlohmann::ordered_json::object();
  for (const auto& [name, value] : describe_environment()) environment[name] = value;
  if (const std::string commit = commit_of(fs::absolute(spec.file).parent_path()); !commit.empty())
    environment["commit of the spec"] = commit;
  write_file_atomically(run.environment(), environment.dump(2) + "\n");
  write_spec(spec, run.path(), "spec.yaml");
  return run;
}

Spec spec_of_run(const RunFolder& run) { return load_spec(run.spec()); }

std::vector<std::string> names_of(const std::vector<Member>& members) {
  std::vector<std::string> names;
  for (const Member& member : members) names.push_back(member.name);
  return names;
}

void link_models(const RunFolder& run, const std::vector<std::string>& members) {
  std::error_code code;
  fs::remove_all(run.models(), code);
  fs::create_directories(run.models());
  for (const std::string& name : members) {
    const std::optional<MemberResult> result = run.member(name).result();
    if (!result) continue;
    const fs::path file = run.member(name).path() / named_model_file(*result);
    fs::path link = run.models() / file.filename();
    // Two seeds of one engine may be equally accurate.
    if (fs::exists(link)) link.replace_filename(name + "_" + file.filename().string().substr(result->engine.size() + 1));
    fs::create_hard_link(file, link, code);
    if (code) fs::copy_file(file, link, fs::copy_options::overwrite_existing, code);
    if (code) log_warning("cannot link {} in {}: {}", file.string(), run.models().string(), code.message());
  }
}

}  // namespace tutti
