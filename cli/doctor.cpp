#include "tutti/doctor/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <memory>

#include <fmt/color.h>
#include <nlohmann/json.hpp>

#include "cli/cluster_arguments.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/kubernetes/cluster_file.h"

namespace tutti::cli {
namespace {

struct Arguments {
  std::string on = "local", expect;
  ClusterArguments cluster;
  std::filesystem::path spec, store = default_store();
  bool json = false;
};

std::string mark_of(CheckState state) {
  const char* mark = state == CheckState::kGood ? "ok  " : state == CheckState::kNote ? "note" : "FAIL";
  if (::isatty(STDOUT_FILENO) == 0) return mark;
  const auto color = state == CheckState::kGood   ? fmt::terminal_color::green
                     : state == CheckState::kNote ? fmt::terminal_color::yellow
                                                  : fmt::terminal_color::red;
  return fmt::format(fmt::fg(color), "{}", mark);
}

void print_checks(const std::vector<Check>& checks) {
  std::size_t width = 0;
  for (const Check& check : checks) width = std::max(width, check.name.size());
  for (const Check& check : checks) {
    print(fmt::format("{}  {:<{}}  {}\n", mark_of(check.state), check.name, width, check.detail));
    if (!check.fix.empty()) print(fmt::format("      {:<{}}  -> {}\n", "", width, check.fix));
  }
}

std::vector<Check> check_kubernetes(const Arguments& arguments) {
  const Spec spec = arguments.spec.empty() ? parse_spec("model: m\ndata: shapes\n", "doctor", arguments.cluster.overrides())
                                           : load_spec(arguments.spec, arguments.cluster.overrides());
  const auto kubectl = make_kubectl(cluster_of(spec));
  std::vector<Check> checks = check_cluster(*kubectl);
  const bool answers = checks.size() > 1;
  if (!answers) return checks;
  if (arguments.spec.empty()) {
    checks.push_back({.name = "a Pod",
                      .state = CheckState::kNote,
                      .detail = "not tried",
                      .fix = "tutti doctor --on kubernetes --spec SPEC tries image, storage and GPU"});
    return checks;
  }
  std::filesystem::path store = arguments.store;
  std::string note;
  spec_for_pods(spec, store, note, false);
  std::filesystem::create_directories(store);
  std::ranges::move(check_pod(*kubectl, spec, store, manifest_options(spec, store, true)), std::back_inserter(checks));
  return checks;
}

std::vector<Check> check_all(const Arguments& arguments) {
  std::filesystem::path store = arguments.store;
  if (!arguments.spec.empty()) store = store_for_pods(load_spec(arguments.spec, arguments.cluster.overrides()), store);
  std::vector<Check> checks = check_machine(store);
  if (!arguments.expect.empty()) checks.push_back(check_same_store(arguments.store, arguments.expect));
  if (arguments.on == "local") return checks;
  try {
    std::ranges::move(check_kubernetes(arguments), std::back_inserter(checks));
  } catch (const Error& error) {
    checks.push_back({.name = "kubernetes", .state = CheckState::kBroken, .detail = error.what()});
  }
  return checks;
}

}  // namespace

void add_doctor(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("doctor", "Check what this machine, or a cluster, lacks for training, and say what to do");
  command.option("--on", arguments->on, "what to check beside this machine").one_of({"local", "kubernetes"}).show_default();
  command.option("--spec", arguments->spec, "an experiment: its image, storage and GPU are tried in a Pod");
  arguments->cluster.add(command);
  command.option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)").show_default();
  command.option("--expect", arguments->expect, "a file that must be in the store (what a Pod is asked)");
  command.flag("--json", arguments->json, "print JSON and nothing else");
  command.examples({"tutti doctor", "tutti doctor --on kubernetes --spec experiment.yaml"});

  command.on_run([arguments, &code] {
    handle_interrupts();
    const std::vector<Check> checks = check_all(*arguments);
    if (arguments->json) {
      nlohmann::ordered_json json = nlohmann::ordered_json::array();
      for (const Check& check : checks)
        json.push_back({{"name", check.name}, {"state", name_of(check.state)}, {"detail", check.detail}, {"fix", check.fix}});
      print(json.dump(2) + "\n");
    } else {
      print_checks(checks);
    }
    code = std::ranges::any_of(checks, [](const Check& check) { return check.state == CheckState::kBroken; }) ? kError : kOk;
  });
}

}  // namespace tutti::cli
