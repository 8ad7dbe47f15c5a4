#include <algorithm>
#include <memory>

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/error.h"
#include "tutti/report/standing.h"
#include "tutti/report/tables.h"

namespace tutti::cli {
namespace {

struct Arguments {
  std::string experiment;
  std::filesystem::path store = default_store();
  int version = 0;
  bool json = false;
};

std::filesystem::path folder_of(const Arguments& arguments) {
  const std::filesystem::path folder = arguments.store / arguments.experiment;
  if (StandingFolder(folder).versions().empty())
    fail("ensemble", "{} has no standing ensemble. Expected a run whose spec has ensemble: {{grow: true}}.", folder.string());
  return folder;
}

void list(const Arguments& arguments) {
  const StandingFolder folder(folder_of(arguments));
  const int used = folder.current() ? folder.current()->version : 0;
  Table table({"version", "made", "by run", "members", "val loss", "val accuracy", "test accuracy", ""});
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const int version : folder.versions()) {
    const StandingEnsemble ensemble = folder.read(version);
    const std::string made = fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(static_cast<std::time_t>(ensemble.made)));
    table.add({std::to_string(version), made, ensemble.made_by, std::to_string(ensemble.members.size()),
               fmt::format("{:.4f}", ensemble.validation.loss), fmt::format("{:.2f} %", 100 * ensemble.validation.accuracy),
               fmt::format("{:.2f} %", 100 * ensemble.test.accuracy), version == used ? "in use" : ""});
    nlohmann::ordered_json members = nlohmann::ordered_json::array();
    for (const StandingMember& member : ensemble.members)
      members.push_back(
          {{"run", member.run}, {"member", member.member}, {"weight", member.weight}, {"temperature", member.temperature}});
    json.push_back({{"version", version},
                    {"made_by", ensemble.made_by},
                    {"in_use", version == used},
                    {"members", members},
                    {"validation_loss", ensemble.validation.loss},
                    {"test_accuracy", ensemble.test.accuracy}});
  }
  print(arguments.json ? json.dump(2) + "\n" : table.text());
}

void show(const Arguments& arguments) {
  const StandingFolder folder(folder_of(arguments));
  const StandingEnsemble ensemble = arguments.version > 0 ? folder.read(arguments.version) : folder.current().value();
  Table table({"run", "member", "weight", "temperature"});
  for (const StandingMember& member : ensemble.members)
    table.add({member.run, member.member, fmt::format("{:.3f}", member.weight), fmt::format("{:.2f}", member.temperature)});
  print(fmt::format("version {}, made by {}\n", ensemble.version, ensemble.made_by) + table.text());
}

void roll_back(const Arguments& arguments) {
  const StandingFolder folder(folder_of(arguments));
  int wanted = arguments.version;
  if (wanted == 0) {
    const int used = folder.current() ? folder.current()->version : 0;
    for (const int version : folder.versions())
      if (version < used) wanted = version;
    if (wanted == 0) fail("ensemble", "version {} is the first one: there is none before it.", used);
  }
  folder.use(wanted);
  print(fmt::format("version {} is in use\n", wanted));
}

}  // namespace

void add_ensemble(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("ensemble", "List, show and roll back the standing ensemble of an experiment");
  command.require_command();
  command.examples(
      {"tutti ensemble list cifar10-cnn", "tutti ensemble show cifar10-cnn", "tutti ensemble rollback cifar10-cnn"});
  const auto add = [&](const char* name, const char* description, void (*run)(const Arguments&), bool with_version) {
    Command sub = command.add(name, description);
    sub.option("EXPERIMENT", arguments->experiment, "its name in the store").required();
    sub.option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)").show_default();
    if (with_version) sub.option("--version", arguments->version, "this one").positive();
    sub.examples({fmt::format("tutti ensemble {} cifar10-cnn", name)});
    sub.on_run([arguments, run, &code] {
      run(*arguments);
      code = kOk;
    });
    return sub;
  };
  add("list", "List its versions", list, false).flag("--json", arguments->json, "print JSON");
  add("show", "Show the members of the version in use", show, true);
  add("rollback", "Go back to the version before, or to --version", roll_back, true);
}

}  // namespace tutti::cli
