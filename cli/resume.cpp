#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/members.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/experiment.h"

namespace tutti::cli {

void add_resume(CLI::App& program, int& code) {
  struct Arguments {
    std::string run;
    std::filesystem::path store = default_store();
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("resume", "Go on with a run: each member from its last checkpoint");
  command->add_option("RUN", arguments->run, "EXPERIMENT, EXPERIMENT/RUN or a run's folder (default: the latest)");
  command->add_option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)")->capture_default_str();
  command->add_flag("--json", arguments->json, "print the results as JSON and nothing else");
  add_examples(*command, {"tutti resume cifar10-cnn"});
  command->callback([arguments, &code] {
    handle_interrupts();
    const RunFolder run = find_run(arguments->store, arguments->run);
    code = train_members(run, names_of(plan(spec_of_run(run))), {.json = arguments->json, .note = ""});
  });
}

}  // namespace tutti::cli
