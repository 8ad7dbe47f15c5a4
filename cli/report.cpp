#include "tutti/report/report.h"

#include <memory>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/report/summary.h"

namespace tutti::cli {

void add_report(Command& program, int& code) {
  auto arguments = std::make_shared<RunArguments>();
  Command command = program.add("report", "Combine the members of a run that are done and write its report");
  arguments->add(command);
  command.examples({"tutti report cifar10-cnn"});
  command.on_run([arguments, &code] {
    const RunFolder run = arguments->find();
    const RunResults results = read_results(run);
    write_report(run, results);
    if (arguments->json) {
      print(results_json(results));
    } else {
      if (!results.members.empty()) print(members_table(results));
      if (results.members.size() > 1)
        print("\nOne of two right and the other wrong; below the diagonal, both wrong:\n" + diversity_table(results) + "\n");
      print(verdict(results) + "\nReport: " + (run.ensemble() / "report.html").string() + "\n");
    }
    code = results.members.empty() ? kError : kOk;
  });
}

}  // namespace tutti::cli
