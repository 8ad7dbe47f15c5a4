#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/display.h"
#include "tutti/experiment/experiment.h"

namespace tutti::cli {
namespace {

struct Arguments {
  std::string run;
  std::filesystem::path store = default_store();
  bool json = false;
};

std::string state_of(const MemberStatus& status) {
  const bool lost = status.state == MemberState::kRunning && !is_being_trained(status);
  return lost ? "lost" : std::string(name_of(status.state));
}

nlohmann::ordered_json json_of(const std::string& name, const MemberStatus& status) {
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object();
  for (const auto& [key, value] : status.metrics) metrics[key] = value;
  return {{"name", name},
          {"state", state_of(status)},
          {"engine", status.engine},
          {"epoch", status.epoch},
          {"epochs", status.epochs},
          {"images_per_second", status.images_per_second},
          {"seconds_left", status.seconds_left},
          {"metrics", metrics},
          {"error", status.error}};
}

void show(const Arguments& arguments) {
  const RunFolder run = find_run(arguments.store, arguments.run);
  const std::vector<std::string> members = names_of(plan(spec_of_run(run)));
  std::size_t width = 0;
  for (const std::string& name : members) width = std::max(width, name.size());
  nlohmann::ordered_json json = {{"run", run.path().string()}, {"members", nlohmann::ordered_json::array()}};
  if (!arguments.json) print(run.path().string() + "\n");
  for (const std::string& name : members) {
    MemberStatus status = run.member(name).status();
    json["members"].push_back(json_of(name, status));
    if (arguments.json) continue;
    if (state_of(status) == "lost") {
      status.state = MemberState::kFailed;
      status.error = "its process is gone; tutti resume goes on with it";
    }
    print(member_line({name, status}, width, display().is_interactive() ? display().width() : 0) + "\n");
  }
  if (arguments.json) print(json.dump(2) + "\n");
}

}  // namespace

void add_status(CLI::App& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("status", "Show the members of a run");
  command->add_option("RUN", arguments->run, "EXPERIMENT, EXPERIMENT/RUN or a run's folder (default: the latest)");
  command->add_option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)")->capture_default_str();
  command->add_flag("--json", arguments->json, "print JSON");
  add_examples(*command, {"tutti status cifar10-cnn"});
  command->callback([arguments, &code] {
    show(*arguments);
    code = kOk;
  });
}

}  // namespace tutti::cli
