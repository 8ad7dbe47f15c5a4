#include <memory>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/run_members.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/cluster_run.h"

namespace tutti::cli {

void add_cancel(Command& program, int& code) {
  auto arguments = std::make_shared<RunArguments>();
  Command command = program.add("cancel", "Stop a run: its members save and end; `tutti resume` goes on with it");
  arguments->add(command, false);
  command.examples({"tutti cancel cifar10-cnn"});
  command.on_run([arguments, &code] {
    handle_interrupts();
    const RunFolder run = arguments->find();
    const std::vector<std::string> members = arguments->members();
    std::size_t training = 0;
    for (const std::string& name : members) training += is_being_trained(run.member(name).status());
    if (const auto cluster = cluster_of(run)) {
      const auto kubectl = make_kubectl(cluster->kubectl);
      request_cancel(run);  // Pods that see it end even if the cluster does not answer
      std::size_t active = 0;
      for (const MemberPod& pod : member_pods(*kubectl, run, members)) active += is_active(pod);
      remove_jobs(*kubectl, run);
      print(active == 0 ? "nothing of " + run.path().string() + " is running\n"
                        : "stopped " + run.path().string() + "\nGo on with: tutti resume " + run.path().string() + "\n");
      code = kOk;
      return;
    }
    // Asked for even if nobody trains at this instant: a runner may be between two members. The next resume forgets it.
    request_cancel(run);
    if (training == 0) {
      print("nothing of " + run.path().string() + " is running\n");
    } else {
      wait_until_stopped(run, members);
      print("stopped " + run.path().string() + "\nGo on with: tutti resume " + run.path().string() + "\n");
    }
    code = kOk;
  });
}

}  // namespace tutti::cli
