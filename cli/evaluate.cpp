#include <memory>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/error.h"
#include "tutti/ensemble/statistics.h"

namespace tutti::cli {
namespace {

struct Arguments {
  std::filesystem::path model;
  DataArguments data;
  EngineArguments engine;
  int batch_size = 256;
  bool json = false;
};

void evaluate(const Arguments& arguments) {
  arguments.engine.use();
  Model model = load_weighted_model(arguments.model);
  const Dataset data = arguments.data.load();
  const Tensor probabilities = model.predict(data, {.batch_size = arguments.batch_size});
  const Score result = score(probabilities, data.labels());
  if (arguments.json) {
    const nlohmann::ordered_json json = {{"samples", result.samples},
                                         {"accuracy", result.accuracy},
                                         {"interval", {result.interval.low, result.interval.high}},
                                         {"loss", result.log_loss},
                                         {"brier", result.brier}};
    print(json.dump(2) + "\n");
    return;
  }
  print(fmt::format("accuracy {:.4f} (95 % interval {:.4f} to {:.4f})  loss {:.4f}  Brier {:.4f}  {} samples\n",
                    result.accuracy, result.interval.low, result.interval.high, result.log_loss, result.brier, result.samples));
}

}  // namespace

void add_evaluate(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("evaluate", "Score a trained model on a data set");
  command.option("MODEL", arguments->model, "model file: .h5 or .hdf5").required();
  arguments->data.add(command);
  command.find("--data").required();
  arguments->engine.add(command);
  command.option("--batch-size", arguments->batch_size, "samples at a time").positive().show_default();
  command.flag("--json", arguments->json, "print JSON");
  command.examples(
      {"tutti evaluate model.h5 --data cifar10", "tutti evaluate theano_0.7845_model.hdf5 --data cifar10 --scale 1/255"});
  command.on_run([arguments, &code] {
    evaluate(*arguments);
    code = kOk;
  });
}

}  // namespace tutti::cli
