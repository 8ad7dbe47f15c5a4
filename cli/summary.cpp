#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/experiment/model_file.h"

namespace tutti::cli {

void add_summary(CLI::App& program, int& code) {
  struct Arguments {
    std::filesystem::path model;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("summary", "Print the layers of a model and their parameters");
  command->add_option("MODEL", arguments->model, "model file: .yaml, .json, .h5 or .hdf5")->required();
  command->add_flag("--json", arguments->json, "print Keras's model.json instead");
  add_examples(*command, {"tutti summary examples/cifar10_cnn.yaml"});
  command->callback([arguments, &code] {
    const Model model = model_from_file(arguments->model);
    print(arguments->json ? model.to_json() + "\n" : model.summary_text());
    code = kOk;
  });
}

}  // namespace tutti::cli
