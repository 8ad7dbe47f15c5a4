#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/experiment/environment.h"

namespace tutti::cli {

void add_version(CLI::App& program, int& code) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = program.add_subcommand("version", "Print the versions of tutti, its engines and this machine");
  command->add_flag("--json", *json, "print JSON");
  add_examples(*command, {"tutti version --json"});
  command->callback([json, &code] {
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    std::string text;
    for (const auto& [name, value] : describe_environment()) {
      object[name] = value;
      text += fmt::format("{:<10} {}\n", name, value);
    }
    print(*json ? object.dump(2) + "\n" : text);
    code = kOk;
  });
}

}  // namespace tutti::cli
