// Small whole graphs, training included, for the tests of compiled programs and for the benchmarks. No test framework here.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cases.h"
#include "tutti/graph/graph.h"

namespace tutti::conformance {

// A graph, and what to put in it.
struct Network {
  Graph graph;
  std::vector<Tensor> variables;  // initial values, by VariableId
  std::vector<Tensor> feeds;      // by index in graph.inputs()
};

struct NetworkCase {
  std::string name;  // "cnn_adam_batch7"
  std::function<Network()> make;
  bool trains = true;
};

const std::vector<NetworkCase>& networks();

// The forward pass alone, for as many images: variables named as in cnn_adam.
Network cnn_prediction(std::int64_t batch, DType dtype = DType::kFloat32);
// Convolutions, bias, relu, max pooling, dropout, dense, softmax, sparse cross-entropy, Adam. Fetches "loss" and "prediction".
Network cnn_adam(std::int64_t batch, DType dtype = DType::kFloat32);

}  // namespace tutti::conformance
