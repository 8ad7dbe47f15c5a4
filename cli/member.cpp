#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/member.h"

namespace tutti::cli {

void add_member(CLI::App& program, int& code) {
  struct Arguments {
    std::filesystem::path run;
    std::string name;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("member", "Train one member of a run (what `tutti train` starts)");
  command->group("");
  command->add_option("RUN", arguments->run, "the run's folder")->required();
  command->add_option("NAME", arguments->name, "the member")->required();
  command->callback([arguments, &code] {
    handle_interrupts();
    const MemberState state = train_member(RunFolder(std::filesystem::absolute(arguments->run)), arguments->name);
    code = state == MemberState::kInterrupted ? kInterrupted : kOk;
  });
}

}  // namespace tutti::cli
