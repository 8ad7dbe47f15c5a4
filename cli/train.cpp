#include <algorithm>
#include <memory>

#include "cli/cluster_arguments.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/members.h"
#include "cli/spec_arguments.h"
#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/experiment.h"

namespace tutti::cli {
namespace {

struct Arguments {
  SpecArguments spec;
  ClusterArguments cluster;
  std::filesystem::path store = default_store();
  std::string run, on = "local";
  bool json = false, dry_run = false, detach = false;
};

void print_plan(const std::vector<Member>& members) {
  for (const Member& member : members) {
    std::string values;
    for (const auto& [key, value] : member.values) values += "  " + key + "=" + value;
    print(member.name + values + "\n");
  }
}

int train_here(const Arguments& arguments) {
  std::string note;
  Spec spec = arguments.spec.load();
  check_members(plan(spec));
  if (arguments.dry_run) {
    print_plan(plan(spec));
    return kOk;
  }
  spec = prepare_data(spec, note);
  const RunFolder run = write_run(spec, arguments.store, arguments.run);
  return train_members(run, names_of(plan(spec_of_run(run))), {.json = arguments.json, .note = note});
}

int train_on_kubernetes(const Arguments& arguments) {
  std::string note;
  std::filesystem::path store = arguments.store;
  const Spec spec =
      spec_for_pods(arguments.spec.load(Where::kElsewhere, arguments.cluster.overrides()), store, note, !arguments.dry_run);
  const std::vector<Member> members = plan(spec);
  check_members(members, Where::kElsewhere);
  // Before anything is written: what this cluster cannot do, and whether it answers.
  const RunFolder planned(std::filesystem::absolute(store) / spec.name / (arguments.run.empty() ? "run" : arguments.run));
  const std::string manifests =
      job_manifests(spec, planned, members, names_of(members), manifest_options(spec, store, !arguments.dry_run));
  if (arguments.dry_run) {
    print(manifests);
    return kOk;
  }
  const RunFolder run = write_run(spec, store, arguments.run);
  return train_members(run, names_of(members),
                       {.json = arguments.json, .note = note, .kubernetes = true, .detach = arguments.detach});
}

}  // namespace

void add_train(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("train", "Train all members of an experiment and combine them");
  arguments->spec.add(command);
  command.option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)").show_default();
  command.option("--run", arguments->run, "name of this run (default: the time)");
  command.option("--on", arguments->on, "where the members run: local or kubernetes")
      .one_of({"local", "kubernetes"})
      .show_default();
  arguments->cluster.add(command);
  command.flag("--detach", arguments->detach, "on kubernetes: make the Jobs and return");
  command.flag("--dry-run", arguments->dry_run, "check everything, list the members or print their Jobs, start nothing");
  command.flag("--json", arguments->json, "print the results as JSON and nothing else");
  command.examples({"tutti train examples/cifar10-cnn.yaml",
                    "tutti train examples/cifar10-cnn.yaml --set fit.epochs=2 --set data.limit=4000 --data ~/data",
                    "tutti train experiment.yaml --on kubernetes"});
  command.on_run([arguments, &code] {
    handle_interrupts();
    code = arguments->on == "local" ? train_here(*arguments) : train_on_kubernetes(*arguments);
  });
}

}  // namespace tutti::cli
