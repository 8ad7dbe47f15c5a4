#include "tutti/graph/graph.h"

#include <memory>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/experiment/model_file.h"

namespace tutti::cli {

void add_graph(Command& program, int& code) {
  struct Arguments {
    std::filesystem::path model;
    bool train = false, dot = false;
    std::int64_t batch = 32;
    std::string loss = "sparse_categorical_crossentropy", optimizer = "adam";
  };
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("graph", "Print the graph of ops that the engines run");
  command.option("MODEL", arguments->model, "model file: .yaml, .json, .h5 or .hdf5").required();
  command.flag("--train", arguments->train, "one training step: forward, loss, gradients and updates");
  command.flag("--dot", arguments->dot, "as Graphviz");
  command.option("--batch", arguments->batch, "batch size").positive().show_default();
  command.option("--loss", arguments->loss, "with --train").show_default();
  command.option("--optimizer", arguments->optimizer, "with --train").show_default();
  command.examples(
      {"tutti graph examples/cifar10_cnn.yaml", "tutti graph examples/cifar10_cnn.yaml --train --dot | dot -Tsvg > graph.svg"});
  command.on_run([arguments, &code] {
    Model model = model_from_file(arguments->model);
    if (arguments->train) model.compile({.optimizer = Optimizer(arguments->optimizer), .loss = LossFunction(arguments->loss)});
    const Graph graph = arguments->train ? model.training_graph(arguments->batch) : model.inference_graph(arguments->batch);
    print(arguments->dot ? dump_dot(graph) : dump(graph));
    code = kOk;
  });
}

}  // namespace tutti::cli
