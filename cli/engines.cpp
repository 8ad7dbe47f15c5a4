#include "tutti/engines/engines.h"

#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/report/tables.h"

namespace tutti::cli {

void add_engines(Command& program, int& code) {
  auto json = std::make_shared<bool>(false);
  Command command = program.add("engines", "List the engines, their versions and devices");
  command.flag("--json", *json, "print JSON");
  command.examples({"tutti engines"});
  command.on_run([json, &code] {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    Table table({"engine", "version", "devices"});
    std::string reasons;
    for (const EngineInfo& info : list_engines()) {
      list.push_back({{"name", info.name},
                      {"version", info.version},
                      {"devices", info.devices},
                      {"available", info.available},
                      {"reason", info.reason}});
      if (info.available)
        table.add({info.name, info.version, fmt::format("{}", fmt::join(info.devices, ", "))});
      else
        reasons += fmt::format("{} is not available: {}\n", info.name, info.reason);
    }
    print(*json ? list.dump(2) + "\n" : table.text() + reasons);
    code = kOk;
  });
}

}  // namespace tutti::cli
