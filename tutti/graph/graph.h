// A graph: typed values, the nodes that make them, variables and their updates. Batch size and every shape are
// known; a model makes one graph for each batch size and purpose (training, evaluation, prediction).
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/graph/op.h"

namespace tutti {

using ValueId = int;     // index in Graph::values()
using VariableId = int;  // index in Graph::variables()
inline constexpr ValueId kNoValue = -1;

struct Value {
  TensorType type;
  std::string name;
  int producer = -1;  // index in nodes(); -1 for an input or a variable
  int output = 0;     // which output of the producer
};

struct Node {
  enum class Phase { kForward, kBackward, kUpdate };
  // What it was written for, for those who read or time a graph.
  struct Origin {
    std::string layer;  // whose call, gradient or weights it is about; "": the loss, or the optimizer as a whole
    Phase phase;
  };

  Op op;
  std::vector<ValueId> inputs, outputs;
  Origin origin = {"", Phase::kForward};
};

// State that outlives a run: a weight, an optimizer slot, the step counter. Its value is the one before the run's updates.
struct Variable {
  std::string name;  // unique; graphs whose programs share variables find them by this name
  ValueId value;
};

// At the end of a run, variable := value.
struct Update {
  VariableId variable;
  ValueId value;
};

struct NamedValue {
  std::string name;
  ValueId value;
};

class Graph {
 public:
  // What a run must be fed.
  ValueId input(std::string name, TensorType type);
  // Error if the name is taken.
  ValueId variable(std::string name, TensorType type);
  // Of the nodes that are added from now on.
  void set_origin(Node::Origin origin) { origin_ = std::move(origin); }
  // Appends a node; infers and checks its types (Error names the op and the shapes). Returns all outputs.
  std::vector<ValueId> add(Op op, std::vector<ValueId> inputs);
  // The same for an op of which only the first output is wanted.
  ValueId add1(Op op, std::vector<ValueId> inputs) { return add(std::move(op), std::move(inputs)).front(); }
  // `target` must be a variable's value, of the type of `value`; at most one update a variable.
  void update(ValueId target, ValueId value);
  // Names a value that runs may fetch: only outputs are kept to the end of a run.
  void output(std::string name, ValueId value);

  const std::deque<Value>& values() const { return values_; }
  const std::deque<Node>& nodes() const { return nodes_; }
  const std::deque<Variable>& variables() const { return variables_; }
  const std::vector<Update>& updates() const { return updates_; }
  const std::vector<NamedValue>& inputs() const { return inputs_; }
  const std::vector<NamedValue>& outputs() const { return outputs_; }

  const TensorType& type(ValueId value) const { return values_[static_cast<std::size_t>(value)].type; }
  const Shape& shape(ValueId value) const { return type(value).shape; }
  std::optional<ValueId> find_input(std::string_view name) const;
  std::optional<ValueId> find_output(std::string_view name) const;
  std::optional<VariableId> find_variable(std::string_view name) const;
  // The variable whose value this is.
  std::optional<VariableId> variable_of(ValueId value) const;

 private:
  ValueId new_value(TensorType type, std::string name, int producer, int output);
  // Error if there is no such value.
  void check_value(std::string_view where, ValueId value) const;

  // Deques: what the functions above return by reference stays where it is while the graph grows.
  std::deque<Value> values_;
  std::deque<Node> nodes_;
  std::deque<Variable> variables_;
  std::vector<Update> updates_;
  std::vector<NamedValue> inputs_, outputs_;
  Node::Origin origin_{"", Node::Phase::kForward};
};

// shapes.cpp: the output types of an op, or an Error.
std::vector<TensorType> infer_types(const Op& op, std::span<const TensorType> inputs);

// gradients.cpp: appends nodes that compute d loss / d wrt[i] for a scalar `loss`; kNoValue where there is no path, or
// only one through an op that has no gradient (argmax, int inputs). Error if the way leads through an op whose gradient is
// not written (gradients of gradients, optimizer updates, ClipByNorm, the statistics of a normalisation).
std::vector<ValueId> add_gradients(Graph& graph, ValueId loss, std::span<const ValueId> wrt);

// A readable listing: one line a node, inputs, variables, updates, outputs. Also Graphviz.
std::string dump(const Graph& graph);
std::string dump_dot(const Graph& graph);

}  // namespace tutti
