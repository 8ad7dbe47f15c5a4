#include "tutti/report/compare.h"

#include <memory>

#include "cli/commands.h"
#include "cli/common.h"

namespace tutti::cli {

void add_compare(Command& program, int& code) {
  struct Arguments {
    std::string first, second;
    std::filesystem::path store = default_store();
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("compare", "Compare two runs: their specs, members and ensembles");
  command.option("A", arguments->first, "EXPERIMENT, EXPERIMENT/RUN or a run's folder").required();
  command.option("B", arguments->second, "the same").required();
  command.option("--store", arguments->store, "folder of all runs ($TUTTI_STORE)").show_default();
  command.flag("--json", arguments->json, "print JSON and nothing else");
  command.examples({"tutti compare cifar10-cnn/20261121-230000 cifar10-cnn"});
  command.on_run([arguments, &code] {
    const RunFolder first = find_run(arguments->store, arguments->first),
                    second = find_run(arguments->store, arguments->second);
    print(arguments->json ? compare_runs_json(first, second) : compare_runs(first, second));
    code = kOk;
  });
}

}  // namespace tutti::cli
