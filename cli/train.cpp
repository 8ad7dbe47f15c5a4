#include <algorithm>
#include <memory>

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
  return train_members(run, names_of(plan(spec_of_run(run))), {.json = arguments.json, .note = note});
}

}  // namespace

void add_train(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("train", "Train all members of an experiment and combine them");
  arguments->spec.add(command);
  command.option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)").show_default();
  command.option("--run", arguments->run, "name of this run (default: the time)");
  command.flag("--dry-run", arguments->dry_run, "check everything, list the members, start nothing");
  command.flag("--json", arguments->json, "print the results as JSON and nothing else");
  command.examples({"tutti train examples/cifar10-cnn.yaml",
                    "tutti train examples/cifar10-cnn.yaml --set fit.epochs=2 --set data.limit=4000 --data ~/data"});
  command.on_run([arguments, &code] { code = train(*arguments); });
}

}  // namespace tutti::cli
