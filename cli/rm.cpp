#include <memory>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/error.h"
#include "tutti/experiment/experiment.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/cluster_run.h"
#include "tutti/report/standing.h"

namespace tutti::cli {
namespace {

void remove(const RunFolder& run) {
  std::error_code code;
  if (const auto cluster = cluster_of(run)) {
    const auto kubectl = make_kubectl(cluster->kubectl);
    for (const MemberPod& pod : member_pods(*kubectl, run, names_of(plan(spec_of_run(run)))))
      if (is_active(pod))
        fail("rm", "{} has a Job in the cluster. Expected: tutti cancel {} first.", pod.member, run.path().string());
    remove_jobs(*kubectl, run);
  }
  for (std::filesystem::directory_iterator member(run.path() / "members", code), end; !code && member != end;
       member.increment(code)) {
    const MemberStatus status = MemberFolder(member->path()).status();
    if (is_being_trained(status))
      fail("rm", "{} is being trained by process {} on {}. Expected: tutti cancel {} first.",
           member->path().filename().string(), status.pid, status.host, run.path().string());
  }
  if (const auto standing = StandingFolder(run.path().parent_path()).current())
    for (const StandingMember& member : standing->members)
      if (member.run == run.path().filename().string())
        fail("rm", "{} of {} is in the standing ensemble. Expected: tutti ensemble rollback {} first, or another run.",
             member.member, run.path().string(), run.path().parent_path().filename().string());
  std::filesystem::remove_all(run.path(), code);
  if (code) fail("rm", "cannot remove {}: {}.", run.path().string(), code.message());
  print("removed " + run.path().string() + "\n");
}

}  // namespace

void add_rm(Command& program, int& code) {
  struct Arguments {
    std::vector<std::string> runs;
    std::filesystem::path store = default_store();
  };
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("rm", "Remove runs: models, checkpoints, logs and reports");
  command.option("RUN", arguments->runs, "EXPERIMENT/RUN or a run's folder").required();
  command.option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)").show_default();
  command.examples({"tutti rm cifar10-cnn/20261122-105000"});
  command.on_run([arguments, &code] {
    // All are looked up first: a wrong name removes nothing.
    std::vector<RunFolder> runs;
    for (const std::string& name : arguments->runs) {
      runs.push_back(find_run(arguments->store, name));
      // "the latest of an experiment" is too easily another one than was meant.
      if (name.find('/') == std::string::npos && runs.back().path().filename() != name)
        fail("rm", "which run of {}? Expected EXPERIMENT/RUN, {}/{} for the latest.", name, name,
             runs.back().path().filename().string());
    }
    for (const RunFolder& run : runs) remove(run);
    code = kOk;
  });
}

}  // namespace tutti::cli
