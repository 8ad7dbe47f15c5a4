#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/experiment.h"

namespace tutti::cli {

void add_cancel(CLI::App& program, int& code) {
  struct Arguments {
    std::string run;
    std::filesystem::path store = default_store();
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("cancel", "Stop a run: its members save and end; `tutti resume` goes on with it");
  command->add_option("RUN", arguments->run, "EXPERIMENT, EXPERIMENT/RUN or a run's folder (default: the latest)");
  command->add_option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)")->capture_default_str();
  add_examples(*command, {"tutti cancel cifar10-cnn"});
  command->callback([arguments, &code] {
    handle_interrupts();
    const RunFolder run = find_run(arguments->store, arguments->run);
    const std::vector<std::string> members = names_of(plan(spec_of_run(run)));
    std::size_t training = 0;
    for (const std::string& name : members) training += is_being_trained(run.member(name).status());
    if (training == 0) {
      print("nothing of " + run.path().string() + " is running\n");
    } else {
      request_cancel(run);
      unfinished_members(run, members);  // waits
      print("stopped " + run.path().string() + "\nGo on with: tutti resume " + run.path().string() + "\n");
    }
    code = kOk;
  });
}

}  // namespace tutti::cli
