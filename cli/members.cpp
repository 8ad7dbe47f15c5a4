#include "cli/members.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/local_runner.h"
#include "tutti/experiment/run_members.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/cluster_run.h"
#include "tutti/kubernetes/kubernetes_runner.h"
#include "tutti/report/finish.h"
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

void announce(const RunFolder& run, ProgressView& view, const TrainMembersOptions& options, std::size_t members,
              const std::string& where) {
  if (!options.note.empty()) view.note(options.note);
  view.note(fmt::format("{}: {} member{} on {}, {}", spec_of_run(run).name, members, members == 1 ? "" : "s", where,
                        run.path().string()));
}

int train_here(const RunFolder& run, const std::vector<std::string>& members, const TrainMembersOptions& options) {
  wait_until_stopped(run, members);
  const std::vector<std::string> unfinished = unfinished_members(run, members);
  const auto view = options.json ? make_silent_view() : make_progress_view(display());
  const auto runner = make_local_runner();
  announce(run, *view, options, unfinished.size(), runner->where());
  const RunMembersResult trained = run_members(run, unfinished, *runner, *view, {.share = spec_of_run(run).run});
  const Finished finished = finish_run(run, members);
  const RunResults results = read_results(run);
  print_results(run, results, options.json);
  if (finished.grown && !options.json) print(describe(*finished.grown) + "\n");
  if (trained.stopped && !options.json) print(fmt::format("Go on with: tutti resume {}\n", run.path().string()));
  return exit_code(trained, results.members.size());
}

// The member that ended last makes the ensemble, in its Pod; this process only if nobody is left to do it.
void wait_for_ensemble(const RunFolder& run, const std::vector<std::string>& members, Kubectl& kubectl) {
  constexpr auto kPatience = std::chrono::seconds(60);
  for (const auto begin = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - begin < kPatience;) {
    if (is_finished(run)) return;
    check_interrupt();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    // Also takes the ensemble over from a Pod that died at it.
    const std::vector<MemberPod> pods = member_pods(kubectl, run, members);
    if (std::ranges::none_of(pods, is_active)) settle(run, pods);
  }
}

int train_on_kubernetes(const RunFolder& run, const std::vector<std::string>& members, const TrainMembersOptions& options) {
  const auto cluster = cluster_of(run);
  const auto kubectl = make_kubectl(cluster ? cluster->kubectl : cluster_of(spec_of_run(run)));
  if (cluster) {
    for (const MemberPod& pod : member_pods(*kubectl, run, members))
      if (is_active(pod))
        fail("resume", "{} has a Job in the cluster. Expected: tutti status --watch {}, or tutti cancel first.", pod.member,
             run.path().string());
    remove_jobs(*kubectl, run);
  } else {
    wait_until_stopped(run, members);
  }
  // Nobody writes the run any more.
  const std::vector<std::string> unfinished = unfinished_members(run, members);
  const auto view = options.json ? make_silent_view() : make_progress_view(display());
  const auto runner = make_kubernetes_runner(*kubectl, run, members);
  announce(run, *view, options, unfinished.size(), runner->where());
  prepare_again(run, unfinished);
  const std::string look = fmt::format("tutti status --watch {0}\ntutti logs -f {0}\ntutti cancel {0}\n", run.path().string());
  if (options.detach) {
    for (const std::string& name : unfinished) runner->start({run, name});
    runner->poll();
    if (!options.json) print(look);
    return kOk;
  }
  RunSpec all_at_once;
  all_at_once.parallel = static_cast<int>(members.size());
  const RunMembersResult trained = run_members(run, unfinished, *runner, *view, {.share = all_at_once});
  if (trained.left) {
    if (!options.json) print("The members go on in the cluster:\n" + look);
    return kInterrupted;
  }
  const bool all_ended = !trained.stopped && std::ranges::none_of(trained.ends, [](const MemberEnd& end) {
    return end.kind == MemberEnd::Kind::kInterrupted;
  });
  if (all_ended && !unfinished.empty()) wait_for_ensemble(run, members, *kubectl);
  // One that somebody stopped will go on some time: until then the report is of those that are done.
  if (!is_finished(run)) {
    finish_run(run, members);
    give_to_pods(run);
  }
  const RunResults results = read_results(run);
  print_results(run, results, options.json);
  if (trained.stopped && !options.json) print(fmt::format("Go on with: tutti resume {}\n", run.path().string()));
  return exit_code(trained, results.members.size());
}

}  // namespace

int train_members(const RunFolder& run, const std::vector<std::string>& members, const TrainMembersOptions& options) {
  return options.kubernetes ? train_on_kubernetes(run, members, options) : train_here(run, members, options);
}

}  // namespace tutti::cli
