#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/experiment/environment.h"

namespace tutti::cli {

void add_version(Command& program, int& code) {
  auto json = std::make_shared<bool>(false);
  Command command = program.add("version", "Print the versions of tutti, its engines and this machine");
  command.flag("--json", *json, "print JSON");
  command.examples({"tutti version --json"});
  command.on_run([json, &code] {
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
