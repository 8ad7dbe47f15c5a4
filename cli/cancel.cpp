#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/run_members.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/cluster_run.h"

namespace tutti::cli {
namespace {

// False if nobody trained. The run is asked to stop even then: a runner may be between two members. The next resume forgets it.
bool stop_here(const RunFolder& run, const std::vector<std::string>& members) {
  const bool trained =
      std::ranges::any_of(members, [&](const std::string& name) { return is_being_trained(run.member(name).status()); });
  request_cancel(run);
  if (trained) wait_until_stopped(run, members);
  return trained;
}

// False if there was no Job that still had something to do.
bool stop_in_cluster(const RunFolder& run, const std::vector<std::string>& members, const KubectlOptions& options) {
  const auto kubectl = make_kubectl(options);
  request_cancel(run);  // Pods that see it end even if the cluster does not answer
  const bool ran = std::ranges::any_of(member_pods(*kubectl, run, members), is_active);
  remove_jobs(*kubectl, run);
  return ran;
}

}  // namespace

void add_cancel(Command& program, int& code) {
  auto arguments = std::make_shared<RunArguments>();
  Command command = program.add("cancel", "Stop a run: its members save and end; `tutti resume` goes on with it");
  arguments->add(command, false);
  command.examples({"tutti cancel cifar10-cnn"});
  command.on_run([arguments, &code] {
    handle_interrupts();
    const RunFolder run = arguments->find();
    const auto cluster = cluster_of(run);
    const bool ran =
        cluster ? stop_in_cluster(run, arguments->members(), cluster->kubectl) : stop_here(run, arguments->members());
    print(ran ? fmt::format("stopped {0}\nGo on with: tutti resume {0}\n", run.path().string())
              : fmt::format("nothing of {} is running\n", run.path().string()));
    code = kOk;
  });
}

}  // namespace tutti::cli
