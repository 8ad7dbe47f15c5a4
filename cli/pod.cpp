// What Jobs and CronJobs run. Not listed in --help: manifests name these.
#include "tutti/kubernetes/pod.h"

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "cli/commands.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/local_runner.h"
#include "tutti/kubernetes/schedule.h"

namespace tutti::cli {
namespace {

int number_of_environment(const char* name, int fallback) {
  const std::string text = env(name);
  return text.empty() ? fallback : std::atoi(text.c_str());
}

// The member that an Indexed Job's Pod is for.
std::string member_of_index(const RunFolder& run) {
  const std::vector<std::string> members = names_of(plan(spec_of_run(run)));
  const int index = number_of_environment("JOB_COMPLETION_INDEX", -1);
  if (index < 0 || index >= static_cast<int>(members.size()))
    fail("pod", "JOB_COMPLETION_INDEX is {}. Expected one of {} members.", index, members.size());
  return members[static_cast<std::size_t>(index)];
}

int run(const RunFolder& run, const std::vector<std::string>& members) {
  // Less than the grace period of a Pod: its last words must still be written.
  const auto runner = make_local_runner({.command = {}, .grace = std::chrono::seconds(25)});
  const PodEnd end = run_pod(run, members, number_of_environment("TUTTI_ATTEMPTS", 1), *runner);
  std::fflush(stdout);
  if (end.code != 0) std::fprintf(stderr, "tutti: error: %s\n", end.error.c_str());
  return end.code;
}

}  // namespace

void add_pod(Command& program, int& code) {
  struct Arguments {
    std::filesystem::path folder;
    std::string member;
    bool index = false;
  };
  auto arguments = std::make_shared<Arguments>();
  Command pod = program.add("pod", "Train a member of a run in a Pod (what a Job starts)");
  pod.hide();
  pod.option("RUN", arguments->folder, "the run's folder").required();
  pod.option("MEMBER", arguments->member, "the member");
  pod.flag("--index", arguments->index, "the member that $JOB_COMPLETION_INDEX says");
  pod.on_run([arguments, &code] {
    handle_interrupts();
    const RunFolder folder(arguments->folder);
    check_volume(folder);
    if (arguments->index == !arguments->member.empty()) fail("pod", "expected MEMBER or --index.");
    code = run(folder, {arguments->index ? member_of_index(folder) : arguments->member});
  });
  Command fire = program.add("fire", "Make a run of a schedule and train its members (what a CronJob starts)");
  fire.hide();
  fire.option("SCHEDULE", arguments->folder, "the schedule's folder").required();
  fire.flag("--index", arguments->index, "only the member that $JOB_COMPLETION_INDEX says");
  fire.on_run([arguments, &code] {
    handle_interrupts();
    const std::string job = env("TUTTI_JOB");
    if (job.empty()) fail("fire", "TUTTI_JOB is empty. Expected the Job's name, whose end tells the time.");
    const RunFolder folder = run_of_firing(arguments->folder, job);
    code = run(folder, arguments->index ? std::vector{member_of_index(folder)} : names_of(plan(spec_of_run(folder))));
  });
}

}  // namespace tutti::cli
