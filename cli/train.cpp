#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/members.h"
#include "cli/spec_arguments.h"
#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/experiment.h"

namespace tutti::cli {
namespace {

struct Arguments {
  SpecArguments spec;
  std::filesystem::path store = default_store();
  std::string run;
  bool json = false, dry_run = false;
};

void print_plan(const std::vector<Member>& members) {
  for (const Member& member : members) {
    std::string values;
    for (const auto& [key, value] : member.values) values += "  " + key + "=" + value;
    print(member.name + values + "\n");
  }
}

int train(const Arguments& arguments) {
  handle_interrupts();
  std::string note;
  Spec spec = arguments.spec.load();
  check_members(plan(spec));
  if (arguments.dry_run) {
    print_plan(plan(spec));
    return kOk;
  }
  spec = prepare_data(spec, note);
  const RunFolder run = write_run(spec, arguments.store, arguments.run);
  return train_members(run, names_of(plan(spec)), {.json = arguments.json, .note = note});
}

}  // namespace

void add_train(CLI::App& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("train", "Train all members of an experiment and combine them");
  arguments->spec.add(*command);
  command->add_option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)")->capture_default_str();
  command->add_option("--run", arguments->run, "name of this run (default: the time)");
  command->add_flag("--dry-run", arguments->dry_run, "check everything, list the members, start nothing");
  command->add_flag("--json", arguments->json, "print the results as JSON and nothing else");
  add_examples(*command, {"tutti train examples/cifar10-cnn.yaml",
                          "tutti train examples/cifar10-cnn.yaml --set fit.epochs=2 --set data.limit=4000 --data ~/data"});
  command->callback([arguments, &code] { code = train(*arguments); });
}

}  // namespace tutti::cli
