#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/member.h"

namespace tutti::cli {

void add_member(Command& program, int& code) {
  struct Arguments {
    std::filesystem::path run;
    std::string name;
  };
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("member", "Train one member of a run (what `tutti train` starts)");
  command.hide();
  command.option("RUN", arguments->run, "the run's folder").required();
  command.option("NAME", arguments->name, "the member").required();
  command.on_run([arguments, &code] {
    handle_interrupts();
    const MemberState state = train_member(RunFolder(std::filesystem::absolute(arguments->run)), arguments->name);
    // Its last words may not fit on a full disk any more; its results were written.
    std::fflush(stdout);
    std::clearerr(stdout);
    code = state == MemberState::kInterrupted ? kInterrupted : kOk;
  });
}

}  // namespace tutti::cli
