#include "tutti/report/report.h"
#include "tutti/report/summary.h"

#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/error.h"

namespace tutti::cli {

void add_report(CLI::App& program, int& code) {
  struct Arguments {
    std::string run;
    std::filesystem::path store = default_store();
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("report", "Combine the members of a run that are done and write its report");
  command->add_option("RUN", arguments->run, "EXPERIMENT, EXPERIMENT/RUN or a run's folder (default: the latest)");
  command->add_option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)")->capture_default_str();
  command->add_flag("--json", arguments->json, "print JSON");
  add_examples(*command, {"tutti report cifar10-cnn"});
  command->callback([arguments, &code] {
    const RunFolder run = find_run(arguments->store, arguments->run);
    const RunResults results = read_results(run);
    write_report(run, results);
    if (arguments->json) {
      print(results_json(results));
    } else {
      if (!results.members.empty()) print(members_table(results));
      print(verdict(results) + "\nReport: " + (run.ensemble() / "report.html").string() + "\n");
    }
    code = results.members.empty() ? kError : kOk;
  });
}

}  // namespace tutti::cli
