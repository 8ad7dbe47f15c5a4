#include "tutti/experiment/experiment.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/log.h"
#include "tutti/base/names.h"
#include "tutti/data/datasets.h"
#include "tutti/engines/engines.h"
#include "tutti/ensemble/combine.h"
#include "tutti/experiment/environment.h"
#include "tutti/experiment/member.h"
#include "tutti/experiment/model_file.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

bool is_known_set(const std::string& name) {
  const auto& known = datasets::names();
  return std::any_of(known.begin(), known.end(), [&](const auto& set) { return set.name == name; });
}

// Lines of a member's log that its error message does not already say.
constexpr int kLogLines = 8;

std::vector<MemberView> views_of(const RunFolder& run, const std::vector<std::string>& members) {
  std::vector<MemberView> views;
  for (const std::string& name : members) views.push_back({name, run.member(name).status()});
  return views;
}

// A member that was killed could not say so itself; its process is gone, so nobody else writes its folder.
void record_failure(const MemberFolder& folder, const std::string& reason) {
  MemberStatus status = folder.status();
  if (status.state == MemberState::kFailed && !status.error.empty()) return;
  status.state = MemberState::kFailed;
  status.error = reason;
  status.heartbeat = now();
  folder.write_status(status);
}

void report_failure(const MemberFolder& folder, const MemberEnd& end, ProgressView& view) {
  record_failure(folder, end.reason);
  view.note(fmt::format("{}: failed: {}", end.member, folder.status().error));
  for (const std::string& line : folder.log_tail(kLogLines))
    if (line != "tutti: error: " + folder.status().error) view.note("    " + line);
  view.note(fmt::format("    (log: {})", folder.log().string()));
}

}  // namespace

Spec prepare_data(const Spec& spec, std::string& note) {
  const DataSpec& data = spec.data;
  if (!is_known_set(data.name) || data.name == "shapes") return spec;
  datasets::LoadOptions options;
  options.dir = data.dir;
  if (datasets::find(data.name, options)) return spec;
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

void check_members(const std::vector<Member>& members) {
  std::vector<std::string> engines;
  for (const EngineInfo& info : list_engines()) engines.push_back(info.name);
  for (const Member& member : members) {
    // One that is known but not available fails as a member: the others can do without it.
    if (std::find(engines.begin(), engines.end(), member.engine) != engines.end()) continue;
    const std::string nearest = nearest_name(member.engine, engines);
    fail(member.spec.file.string(), "members: unknown engine '{}'. {}", member.engine,
         nearest.empty() ? fmt::format("Expected one of {}.", fmt::join(engines, ", "))
                         : fmt::format("Did you mean '{}'?", nearest));
  }
  // Building a model draws all its weights: once for each file is enough.
  std::set<fs::path> models;
  for (const Member& member : members) {
    check_fit(member.spec.fit);
    if (models.insert(member.spec.model).second) model_from_file(member.spec.model);
  }
}

RunFolder write_run(const Spec& spec, const fs::path& store, const std::string& run_name) {
  const RunFolder run = create_run(store, spec.name, run_name);
  const std::string model = "model" + spec.model.extension().string();
  std::error_code code;
  fs::copy_file(spec.model, run.path() / model, code);
  if (code) fail("store", "cannot copy {} to {}: {}.", spec.model.string(), run.path().string(), code.message());
  nlohmann::ordered_json environment = nlohmann::ordered_json::object();
  for (const auto& [name, value] : describe_environment()) environment[name] = value;
  write_file_atomically(run.environment(), environment.dump(2) + "\n");
  const Spec written = parse_spec(spec.document, spec.file, {{"model", (run.path() / model).string()}});
  write_file_atomically(run.spec(), fmt::format("# {} as resolved by tutti {}\n{}", spec.file.filename().string(),
                                                TUTTI_VERSION, written.document));
  return run;
}

Spec spec_of_run(const RunFolder& run) {
  Spec spec = load_spec(run.spec());
  // A run's folder may have been moved: its model stands beside its spec.
  const fs::path model = run.path() / spec.model.filename();
  std::error_code code;
  if (spec.model == model || !fs::exists(model, code)) return spec;
  return parse_spec(spec.document, spec.file, {{"model", model.string()}});
}

std::vector<std::string> names_of(const std::vector<Member>& members) {
  std::vector<std::string> names;
  for (const Member& member : members) names.push_back(member.name);
  return names;
}

std::vector<MemberEnd> run_members(const RunFolder& run, const std::vector<std::string>& members, Runner& runner,
                                   ProgressView& view, const RunMembersOptions& options) {
  const int count = static_cast<int>(members.size());
  const auto [parallel, threads] = share_cores(options.share, count);
  std::error_code code;
  fs::remove(run.cancel(), code);  // of a run that was cancelled and is resumed
  std::vector<MemberEnd> ends;
  int started = 0;
  bool stopped = false;
  while (static_cast<int>(ends.size()) < (stopped ? started : count)) {
    // A cancel is an interrupt from afar.
    if (fs::exists(run.cancel(), code)) set_interrupted(true);
    while (!interrupted() && started < count && started - static_cast<int>(ends.size()) < parallel)
      runner.start({run, members[static_cast<std::size_t>(started++)], threads});
    if (interrupted() && !std::exchange(stopped, true)) {
      view.note("stopping: the members save what they have (Ctrl-C again ends at once)");
      runner.stop();
    }
    const std::vector<MemberEnd> now_ended = runner.poll();
    view.update(views_of(run, members));
    for (const MemberEnd& end : now_ended) {
      ends.push_back(end);
      if (end.kind == MemberEnd::Kind::kFailed) report_failure(run.member(end.member), end, view);
    }
    if (!now_ended.empty()) continue;
    if (options.wait)
      options.wait();
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  view.update(views_of(run, members));
  view.finish();
  return ends;
}

void request_cancel(const RunFolder& run) { write_file_atomically(run.cancel(), ""); }

std::vector<std::string> unfinished_members(const RunFolder& run, const std::vector<std::string>& members, double patience) {
  std::vector<std::string> unfinished;
  for (const std::string& name : members) {
    if (run.member(name).result()) {
      // Its process may have died between its last two files.
      MemberStatus status = run.member(name).status();
      if (status.state != MemberState::kDone && !is_being_trained(status)) {
        status.state = MemberState::kDone;
        run.member(name).write_status(status);
      }
      continue;
    }
    unfinished.push_back(name);
    for (const double begin = now(); is_being_trained(run.member(name).status());) {
      check_interrupt();
      if (now() - begin > patience) {
        const MemberStatus status = run.member(name).status();
        fail("resume", "{} is still being trained by process {} on {}. Expected it to end first.", name, status.pid,
             status.host);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  return unfinished;
}

void link_models(const RunFolder& run, const std::vector<std::string>& members) {
  std::error_code code;
  fs::remove_all(run.models(), code);
  fs::create_directories(run.models());
  for (const std::string& name : members) {
    const std::optional<MemberResult> result = run.member(name).result();
    if (!result) continue;
    const fs::path file = run.member(name).path() / model_file_name(result->engine, result->validation.accuracy);
    fs::path link = run.models() / file.filename();
    // Two seeds of one engine may be equally accurate.
    if (fs::exists(link)) link = run.models() / model_file_name(name, result->validation.accuracy);
    fs::create_hard_link(file, link, code);
    if (code) fs::copy_file(file, link, fs::copy_options::overwrite_existing, code);
    if (code) log_warning("cannot link {} in {}: {}", file.string(), run.models().string(), code.message());
  }
}

}  // namespace tutti
