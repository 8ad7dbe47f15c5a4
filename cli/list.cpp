#include <memory>

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/experiment/experiment.h"
#include "tutti/report/tables.h"

namespace tutti::cli {
namespace {

// One run at a glance.
struct Line {
  std::string run, state, started;
  std::size_t done = 0, members = 0;
  double best = 0.0;  // validation accuracy
};

// The state that says most of a run whose members differ.
std::string state_of(const std::vector<MemberStatus>& members, std::size_t done) {
  if (done == members.size()) return "done";
  for (const MemberStatus& status : members)
    if (is_being_trained(status)) return "running";
  for (const MemberStatus& status : members)
    if (status.state == MemberState::kFailed) return "failed";
  return "stopped";
}

Line line_of(const RunFolder& run) {
  Line line{.run = run.path().parent_path().filename().string() + "/" + run.path().filename().string()};
  std::vector<MemberStatus> statuses;
  double started = 0.0;
  for (const std::string& name : names_of(plan(spec_of_run(run)))) {
    statuses.push_back(run.member(name).status());
    if (statuses.back().started > 0 && (started == 0 || statuses.back().started < started)) started = statuses.back().started;
    const auto result = run.member(name).result();
    line.done += result.has_value();
    if (result) line.best = std::max(line.best, result->validation.accuracy);
  }
  line.members = statuses.size();
  line.state = state_of(statuses, line.done);
  if (started > 0) line.started = fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(static_cast<std::time_t>(started)));
  return line;
}

void list(const std::filesystem::path& store, bool as_json) {
  Table table({"run", "started", "state", "members done", "best val accuracy"});
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const RunFolder& run : list_runs(store)) {
    Line line{.run = run.path().string(), .state = "unreadable"};
    try {
      line = line_of(run);
    } catch (const std::exception&) {
      // A damaged run must not hide the others.
    }
    const std::string best = line.done > 0 ? fmt::format("{:.2f} %", 100 * line.best) : "";
    table.add({line.run, line.started, line.state, fmt::format("{} of {}", line.done, line.members), best});
    json.push_back({{"run", line.run},
                    {"folder", run.path().string()},
                    {"started", line.started},
                    {"state", line.state},
                    {"members", line.members},
                    {"done", line.done},
                    {"best_val_accuracy", line.done > 0 ? nlohmann::ordered_json(line.best) : nullptr}});
  }
  if (as_json) return print(json.dump(2) + "\n");
  if (json.empty()) return print(fmt::format("There is no run in {}. Start one with: tutti train SPEC\n", store.string()));
  print(table.text());
}

}  // namespace

void add_list(Command& program, int& code) {
  struct Arguments {
    std::filesystem::path store = default_store();
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("list", "List the runs of a store, oldest first");
  command.option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)").show_default();
  command.flag("--json", arguments->json, "print JSON");
  command.examples({"tutti list", "tutti list --store /nfs/runs --json"});
  command.on_run([arguments, &code] {
    list(arguments->store, arguments->json);
    code = kOk;
  });
}

}  // namespace tutti::cli
