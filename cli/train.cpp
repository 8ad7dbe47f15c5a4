#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/local_runner.h"
#include "tutti/report/results.h"

namespace tutti::cli {
namespace {

struct Arguments {
  std::filesystem::path spec, data, store = default_store();
  std::vector<std::string> set;
  std::string run;
  int parallel = 0, threads = 0;
  bool json = false, dry_run = false;
};

Spec load(const Arguments& arguments) {
  Overrides overrides;
  if (!arguments.data.empty()) overrides.emplace_back("data.dir", std::filesystem::absolute(arguments.data).string());
  for (const std::string& text : arguments.set) overrides.push_back(parse_override(text));
  return resolve(load_spec(arguments.spec, overrides));
}

void print_plan(const std::vector<Member>& members) {
  for (const Member& member : members) {
    std::string values;
    for (const auto& [key, value] : member.values) values += "  " + key + "=" + value;
    print(member.name + values + "\n");
  }
}

void print_results(const RunFolder& run, const RunResults& results, bool json) {
  if (json) return print(results_json(results));
  if (!results.members.empty()) {
    print("\nThe first test images:\n" + images_table(results) + "\n");
    print(members_table(results));
  }
  print(verdict(results) + "\n");
  print("Report: " + (run.ensemble() / "report.html").string() + "\n");
}

int exit_code(const std::vector<MemberEnd>& ends, std::size_t done) {
  if (interrupted()) return kInterrupted;
  if (done == 0) return kError;
  const bool failed =
      std::any_of(ends.begin(), ends.end(), [](const auto& end) { return end.kind == MemberEnd::Kind::kFailed; });
  return failed ? kMemberFailed : kOk;
}

int train(const Arguments& arguments) {
  handle_interrupts();
  std::string note;
  Spec spec = load(arguments);
  check_members(plan(spec));
  if (arguments.dry_run) {
    print_plan(plan(spec));
    return kOk;
  }
  spec = prepare_data(spec, note);
  const std::vector<std::string> members = names_of(plan(spec));
  const RunFolder run = write_run(spec, arguments.store, arguments.run);
  const auto view = arguments.json ? make_silent_view() : make_progress_view(display());
  const auto runner = make_local_runner();
  if (!note.empty()) view->note(note);
  view->note(fmt::format("{}: {} member{} on {}, {}", spec.name, members.size(), members.size() == 1 ? "" : "s",
                         runner->where(), run.path().string()));
  RunMembersOptions options{.parallel = arguments.parallel > 0 ? arguments.parallel : spec.run.parallel,
                            .threads = arguments.threads > 0 ? arguments.threads : spec.run.threads};
  const std::vector<MemberEnd> ends = run_members(run, members, *runner, *view, options);
  link_models(run, members);
  const RunResults results = read_results(run);
  write_report(run, results);
  print_results(run, results, arguments.json);
  return exit_code(ends, results.members.size());
}

}  // namespace

void add_train(CLI::App& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("train", "Train all members of an experiment and combine them");
  command->add_option("SPEC", arguments->spec, "the experiment's YAML file")->required();
  command->add_option("--set", arguments->set, "replace a value of the spec: fit.epochs=2 (may be repeated)")
      ->allow_extra_args(false);
  command->add_option("--data", arguments->data, "folder to look for the data set in first");
  command->add_option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)")->capture_default_str();
  command->add_option("--run", arguments->run, "name of this run (default: the time)");
  command->add_option("--parallel", arguments->parallel, "members at a time (default: all, but two a core at most)")
      ->check(CLI::PositiveNumber);
  command->add_option("--threads", arguments->threads, "threads of a member (default: the cores shared out)")
      ->check(CLI::PositiveNumber);
  command->add_flag("--dry-run", arguments->dry_run, "check everything, list the members, start nothing");
  command->add_flag("--json", arguments->json, "print the results as JSON and nothing else");
  add_examples(*command, {"tutti train examples/cifar10-cnn.yaml",
                          "tutti train examples/cifar10-cnn.yaml --set fit.epochs=2 --set data.limit=4000 --data ~/data"});
  command->callback([arguments, &code] { code = train(*arguments); });
}

}  // namespace tutti::cli
