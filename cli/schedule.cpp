#include "tutti/kubernetes/schedule.h"

#include <memory>

#include "cli/cluster_arguments.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/spec_arguments.h"
#include "tutti/base/error.h"
#include "tutti/experiment/experiment.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/cluster_run.h"
#include "tutti/kubernetes/cron_job.h"

namespace tutti::cli {
namespace {

struct Arguments {
  SpecArguments spec;
  ClusterArguments cluster;
  CronOptions cron;
  std::filesystem::path store = default_store();
  std::string concurrency = "forbid";
  bool dry_run = false, remove = false;
};

void remove(const Arguments& arguments) {
  const Spec spec = arguments.spec.load_given(arguments.cluster.overrides());
  remove_cron_job(*make_kubectl(cluster_of(spec)), spec);
  print(fmt::format("removed the schedule of {}; its runs stay\n", spec.name));
}

void schedule(Arguments& arguments) {
  if (arguments.cron.schedule.empty()) fail("schedule", "--cron is missing. Expected for example --cron \"0 3 * * *\".");
  check_schedule(arguments.cron.schedule);
  std::string note;
  std::filesystem::path store = arguments.store;
  const Spec given = arguments.spec.load_given(arguments.cluster.overrides());
  const Spec spec = spec_for_pods(resolve(given, Where::kElsewhere), store, note, !arguments.dry_run);
  const std::vector<Member> members = plan(spec);
  check_members(members, Where::kElsewhere);
  if (!note.empty()) print(note + "\n");

  CronOptions& cron = arguments.cron;
  cron.concurrency = arguments.concurrency == "allow" ? "Allow" : arguments.concurrency == "replace" ? "Replace" : "Forbid";
  const ManifestOptions options = manifest_options(spec, store, !arguments.dry_run);
  if (arguments.dry_run) {
    print(cron_manifest(spec, std::filesystem::absolute(store) / spec.name / "schedule" / "time", members, cron, options));
    return;
  }
  const auto kubectl = make_kubectl(cluster_of(spec));
  cron.v1beta1 = !has_v1_cron_jobs(*kubectl);
  cron_manifest(spec, store, members, cron, options);  // refuses before anything is written
  const std::filesystem::path folder = write_schedule(given, spec, store, resolved(*kubectl, cluster_of(spec)));
  give_to_pods(folder.parent_path().parent_path(), folder.parent_path(), {options.user, options.group});
  apply_cron_job(*kubectl, cron_manifest(spec, folder, members, cron, options));
  print(fmt::format("{}: {} member{} at \"{}\"{}{}, as runs of {}\n", cron_name(spec), members.size(),
                    members.size() == 1 ? "" : "s", cron.schedule, cron.time_zone.empty() ? "" : " " + cron.time_zone,
                    cron.suspend ? " (suspended)" : "", (std::filesystem::absolute(store) / spec.name).string()));
}

}  // namespace

void add_schedule(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  CronOptions& cron = arguments->cron;
  Command command = program.add("schedule", "Train an experiment again and again: a CronJob, each firing of which is a run");
  arguments->spec.add(command);
  command.option("--cron", cron.schedule, "when: minute hour day month weekday, or @daily and the like");
  command.option("--time-zone", cron.time_zone, "of --cron: Europe/Berlin (default: the cluster's, mostly UTC)");
  command.option("--concurrency", arguments->concurrency, "if the last run still trains: forbid, allow or replace")
      .one_of({"forbid", "allow", "replace"})
      .show_default();
  command.option("--starting-deadline", cron.starting_deadline, "seconds that a missed firing may be late").positive();
  command.option("--keep-done", cron.successful_history, "ended Jobs that the cluster keeps").not_negative().show_default();
  command.option("--keep-failed", cron.failed_history, "failed Jobs that the cluster keeps").not_negative().show_default();
  command.flag("--suspend", cron.suspend, "do not fire until it is scheduled again without this");
  command.option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)").show_default();
  arguments->cluster.add(command);
  command.flag("--dry-run", arguments->dry_run, "print the CronJob, make nothing");
  command.flag("--remove", arguments->remove, "remove the schedule; its runs stay");
  command.examples({"tutti schedule experiment.yaml --cron \"0 3 * * *\" --time-zone Europe/Berlin",
                    "tutti schedule experiment.yaml --remove"});
  command.on_run([arguments, &code] {
    arguments->remove ? remove(*arguments) : schedule(*arguments);
    code = kOk;
  });
}

}  // namespace tutti::cli
