#include <memory>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/experiment/model_file.h"

namespace tutti::cli {

void add_summary(Command& program, int& code) {
  struct Arguments {
    std::filesystem::path model;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("summary", "Print the layers of a model and their parameters");
  command.option("MODEL", arguments->model, "model file: .yaml, .json, .h5 or .hdf5").required();
  command.flag("--json", arguments->json, "print Keras's model.json instead");
  command.examples({"tutti summary examples/cifar10_cnn.yaml"});
  command.on_run([arguments, &code] {
    const Model model = model_from_file(arguments->model);
    print(arguments->json ? model.to_json() + "\n" : model.summary_text());
    code = kOk;
  });
}

}  // namespace tutti::cli
