#include <memory>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/members.h"
#include "tutti/base/interrupt.h"

namespace tutti::cli {

void add_resume(Command& program, int& code) {
  auto arguments = std::make_shared<RunArguments>();
  Command command = program.add("resume", "Go on with a run: each member from its last checkpoint");
  arguments->add(command);
  command.examples({"tutti resume cifar10-cnn"});
  command.on_run([arguments, &code] {
    handle_interrupts();
    code = train_members(arguments->find(), arguments->members(), {.json = arguments->json, .note = ""});
  });
}

}  // namespace tutti::cli
