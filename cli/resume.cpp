#include <memory>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/members.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/experiment.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/cluster_run.h"
#include "tutti/kubernetes/manifest.h"

namespace tutti::cli {

void add_resume(Command& program, int& code) {
  struct Arguments : RunArguments {
    std::string on;
    bool detach = false;
  };
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("resume", "Go on with a run: each member from its last checkpoint");
  arguments->add(command);
  command.option("--on", arguments->on, "local or kubernetes (default: where it was)").one_of({"local", "kubernetes"});
  command.flag("--detach", arguments->detach, "on kubernetes: make the Jobs and return");
  command.examples({"tutti resume cifar10-cnn"});
  command.on_run([arguments, &code] {
    handle_interrupts();
    const RunFolder run = arguments->find();
    const auto cluster = cluster_of(run);
    const bool kubernetes = arguments->on.empty() ? cluster.has_value() : arguments->on == "kubernetes";
    if (kubernetes) check_visible(spec_of_run(run), run.path().parent_path().parent_path());
    // It goes on in one place.
    if (cluster && !kubernetes) leave_cluster(run);
    code = train_members(run, arguments->members(),
                         {.json = arguments->json, .note = "", .kubernetes = kubernetes, .detach = arguments->detach});
  });
}

}  // namespace tutti::cli
