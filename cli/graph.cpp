#include "tutti/graph/graph.h"

#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/experiment/model_file.h"

namespace tutti::cli {

void add_graph(CLI::App& program, int& code) {
  struct Arguments {
    std::filesystem::path model;
    bool train = false, dot = false;
    std::int64_t batch = 32;
    std::string loss = "sparse_categorical_crossentropy", optimizer = "adam";
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("graph", "Print the graph of ops that the engines run");
  command->add_option("MODEL", arguments->model, "model file: .yaml, .json, .h5 or .hdf5")->required();
  command->add_flag("--train", arguments->train, "one training step: forward, loss, gradients and updates");
  command->add_flag("--dot", arguments->dot, "as Graphviz");
  command->add_option("--batch", arguments->batch, "batch size")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--loss", arguments->loss, "with --train")->capture_default_str();
  command->add_option("--optimizer", arguments->optimizer, "with --train")->capture_default_str();
  add_examples(*command, {"tutti graph examples/cifar10_cnn.yaml",
                          "tutti graph examples/cifar10_cnn.yaml --train --dot | dot -Tsvg > graph.svg"});
  command->callback([arguments, &code] {
    Model model = model_from_file(arguments->model);
    if (arguments->train) model.compile({.optimizer = Optimizer(arguments->optimizer), .loss = LossFunction(arguments->loss)});
    const Graph graph = arguments->train ? model.training_graph(arguments->batch) : model.inference_graph(arguments->batch);
    print(arguments->dot ? dump_dot(graph) : dump(graph));
    code = kOk;
  });
}

}  // namespace tutti::cli
