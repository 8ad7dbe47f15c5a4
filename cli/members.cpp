#include "cli/members.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/display.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/local_runner.h"
#include "tutti/experiment/run_members.h"
#include "tutti/report/report.h"
#include "tutti/report/standing.h"
#include "tutti/report/summary.h"

namespace tutti::cli {
namespace {

void print_results(const RunFolder& run, const RunResults& results, bool json) {
  if (json) return print(results_json(results));
  if (!results.members.empty()) {
    print("\nThe first test images:\n" + images_table(results) + "\n");
    print(members_table(results));
  }
  print(verdict(results) + "\n");
  print("Report: " + (run.ensemble() / "report.html").string() + "\n");
}

int exit_code(const RunMembersResult& trained, std::size_t done) {
  if (trained.stopped) return kInterrupted;
  if (done == 0) return kError;
  const bool failed = std::ranges::any_of(trained.ends, [](const auto& end) { return end.kind != MemberEnd::Kind::kDone; });
  return failed ? kMemberFailed : kOk;
}

}  // namespace

int train_members(const RunFolder& run, const std::vector<std::string>& members, const TrainMembersOptions& options) {
  const Spec spec = spec_of_run(run);
  wait_until_stopped(run, members);
  const std::vector<std::string> unfinished = unfinished_members(run, members);
  const auto view = options.json ? make_silent_view() : make_progress_view(display());
  const auto runner = make_local_runner();
  if (!options.note.empty()) view->note(options.note);
  view->note(fmt::format("{}: {} member{} on {}, {}", spec.name, unfinished.size(), unfinished.size() == 1 ? "" : "s",
                         runner->where(), run.path().string()));
  const RunMembersResult trained = run_members(run, unfinished, *runner, *view, {.share = spec.run});
  link_models(run, members);
  const RunResults results = read_results(run);
  write_report(run, results);
  print_results(run, results, options.json);
  if (spec.grow && !results.members.empty()) {
    const GrowResult grown = grow_standing(run);
    if (!options.json) print(describe(grown) + "\n");
  }
  if (trained.stopped && !options.json) print(fmt::format("Go on with: tutti resume {}\n", run.path().string()));
  return exit_code(trained, results.members.size());
}

}  // namespace tutti::cli
