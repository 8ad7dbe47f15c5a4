#include "tutti/nn/layers/activations.h"

#include "tutti/base/error.h"

namespace tutti {
namespace {

using Kind = op::ActivationKind;

struct Row {
  std::string_view name;
  Kind kind;
  double alpha = 1.0;
};
// Keras's functions and their default arguments: keras/src/activations/activations.py.
constexpr Row kRows[] = {
    {"relu", Kind::kRelu},
    {"relu6", Kind::kRelu6},
    {"leaky_relu", Kind::kLeakyRelu, 0.2},
    {"elu", Kind::kElu},
    {"selu", Kind::kSelu},
    {"gelu", Kind::kGelu},
    {"silu", Kind::kSilu},
    {"sigmoid", Kind::kSigmoid},
    {"tanh", Kind::kTanh},
    {"softplus", Kind::kSoftplus},
    {"softsign", Kind::kSoftsign},
    {"exponential", Kind::kExponential},
    {"hard_sigmoid", Kind::kHardSigmoid},
    // Not a Keras name: readers of Keras 1 and 2 files put it in place of hard_sigmoid, which had another slope then.
    {"hard_sigmoid_keras2", Kind::kHardSigmoid2},
    {"hard_silu", Kind::kHardSilu},
    {"hard_tanh", Kind::kHardTanh},
    {"mish", Kind::kMish},
    {"log_sigmoid", Kind::kLogSigmoid},
    {"celu", Kind::kCelu},
};

const Row* find_row(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return &row;
  return nullptr;
}

}  // namespace

std::string canonical_activation(const std::string& name) {
  if (name.empty()) return "linear";
  if (name == "swish") return "silu";
  if (name == "hard_swish") return "hard_silu";
  return name;
}

void check_activation(std::string_view layer, const std::string& given) {
  const std::string name = canonical_activation(given);
  if (name == "linear" || name == "softmax" || name == "log_softmax" || find_row(name)) return;
  std::string known = "linear, softmax, log_softmax";
  for (const Row& row : kRows)
    if (row.kind != Kind::kHardSigmoid2) known += fmt::format(", {}", row.name);
  fail(layer, "tutti has no activation {}. Expected one of: {}.", given, known);
}

ValueId apply_activation(Graph& graph, const std::string& given, ValueId x) {
  const std::string name = canonical_activation(given);
  if (name == "linear") return x;
  if (name == "softmax" || name == "log_softmax") return graph.add1(op::Softmax{.log = name == "log_softmax"}, {x});
  const Row* row = find_row(name);
  if (!row) fail("Activation", "tutti has no activation {}.", given);
  return graph.add1(op::Activation{row->kind, row->alpha}, {x});
}

}  // namespace tutti
