#include "tutti/graph/graph.h"

#include <algorithm>
#include <utility>

#include "tutti/base/error.h"
#include "tutti/graph/type_checks.h"

namespace tutti {
namespace {

template <class Range>
auto find_named(const Range& range, std::string_view name) {
  return std::find_if(range.begin(), range.end(), [&](const auto& item) { return item.name == name; });
}

}  // namespace

ValueId Graph::new_value(TensorType type, std::string name, int producer, int output) {
  values_.push_back({std::move(type), std::move(name), producer, output});
  return static_cast<ValueId>(values_.size()) - 1;
}

ValueId Graph::input(std::string name, TensorType type) {
  if (find_input(name)) fail("Graph", "there is already an input named {}. Expected another name.", name);
  check_type("Graph", "input " + name, type);
  const ValueId value = new_value(std::move(type), name, -1, 0);
  inputs_.push_back({std::move(name), value});
  return value;
}

ValueId Graph::variable(std::string name, TensorType type) {
  if (find_variable(name)) fail("Graph", "there is already a variable named {}. Expected another name.", name);
  check_type("Graph", "variable " + name, type);
  const ValueId value = new_value(std::move(type), name, -1, 0);
  variables_.push_back({std::move(name), value});
  return value;
}

std::vector<ValueId> Graph::add(Op op, std::vector<ValueId> inputs) {
  std::vector<TensorType> types;
  for (const ValueId input : inputs) {
    check_value(name_of(op), input);
    types.push_back(type(input));
  }
  std::vector<TensorType> results = infer_types(op, types);
  const int node = static_cast<int>(nodes_.size());
  std::vector<ValueId> outputs;
  for (TensorType& result : results) {
    const int output = static_cast<int>(outputs.size());
    std::string name = fmt::format("{}_{}", name_of(op), node);
    if (output > 0) name += fmt::format(":{}", output);
    outputs.push_back(new_value(std::move(result), std::move(name), node, output));
  }
  nodes_.push_back({std::move(op), std::move(inputs), outputs, origin_});
  return outputs;
}

void Graph::update(ValueId target, ValueId value) {
  check_value("Graph", target);
  check_value("Graph", value);
  const std::optional<VariableId> variable = variable_of(target);
  if (!variable)
    fail("Graph", "only a variable can be updated. Expected the value of a variable. Got {}.",
         values_[static_cast<std::size_t>(target)].name);
  const std::string& name = variables_[static_cast<std::size_t>(*variable)].name;
  if (type(target) != type(value))
    fail("Graph", "the update of variable {} has the wrong type. Expected {}. Got {}.", name, to_string(type(target)),
         to_string(type(value)));
  if (std::any_of(updates_.begin(), updates_.end(), [&](const Update& update) { return update.variable == *variable; }))
    fail("Graph", "variable {} has an update already. Expected at most one.", name);
  updates_.push_back({*variable, value});
}

void Graph::output(std::string name, ValueId value) {
  check_value("Graph", value);
  if (find_output(name)) fail("Graph", "there is already an output named {}. Expected another name.", name);
  outputs_.push_back({std::move(name), value});
}

std::optional<ValueId> Graph::find_input(std::string_view name) const {
  const auto found = find_named(inputs_, name);
  return found == inputs_.end() ? std::nullopt : std::optional(found->value);
}

std::optional<ValueId> Graph::find_output(std::string_view name) const {
  const auto found = find_named(outputs_, name);
  return found == outputs_.end() ? std::nullopt : std::optional(found->value);
}

std::optional<VariableId> Graph::find_variable(std::string_view name) const {
  const auto found = find_named(variables_, name);
  return found == variables_.end() ? std::nullopt : std::optional(static_cast<VariableId>(found - variables_.begin()));
}

std::optional<VariableId> Graph::variable_of(ValueId value) const {
  const auto found = std::find_if(variables_.begin(), variables_.end(), [&](const Variable& v) { return v.value == value; });
  return found == variables_.end() ? std::nullopt : std::optional(static_cast<VariableId>(found - variables_.begin()));
}

void Graph::check_value(std::string_view where, ValueId value) const {
  if (value < 0 || value >= static_cast<ValueId>(values_.size()))
    fail(where, "there is no such value in this graph. Expected 0 to {}. Got {}.", static_cast<int>(values_.size()) - 1, value);
}

}  // namespace tutti
