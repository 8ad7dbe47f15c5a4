#include "cli/run.h"

#include <memory>

#include "cli/commands.h"
#include "tutti/notebook/script.h"

namespace tutti::cli {

std::optional<int> run_script_command(int argc, char** argv) {
  if (argc < 3 || std::string_view(argv[1]) != "run" || argv[2][0] == '-') return {};
  return run_script(argv[2], std::vector<std::string>(argv + 2, argv + argc));
}

void add_run(Command& program, int& code) {
  Command command = program.add("run", "Compile and run a C++ program, as a script");
  auto script = std::make_shared<std::string>();
  command.option("SCRIPT", *script, "a C++ file with a main(); what follows are its arguments").required();
  command.examples({"tutti run train.cpp --epochs 3", "#!/usr/bin/env -S tutti run"});
  command.on_run([script, &code] { code = run_script(*script, {*script}); });
}

}  // namespace tutti::cli
