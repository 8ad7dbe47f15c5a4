#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/members.h"
#include "tutti/base/interrupt.h"

namespace tutti::cli {

void add_resume(CLI::App& program, int& code) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App* command = program.add_subcommand("resume", "Go on with a run: each member from its last checkpoint");
  arguments->add(*command);
  add_examples(*command, {"tutti resume cifar10-cnn"});
  command->callback([arguments, &code] {
    handle_interrupts();
    code = train_members(arguments->find(), arguments->members(), {.json = arguments->json, .note = ""});
  });
}

}  // namespace tutti::cli
