#include <string>
#include <string_view>

#include <fmt/format.h>

#include "tutti/graph/graph.h"

namespace tutti {
namespace {

std::string value_list(const std::vector<ValueId>& values) {
  std::string text;
  for (const ValueId value : values) {
    if (!text.empty()) text += ", ";
    text += fmt::format("%{}", value);
  }
  return text;
}

// "MaxPool2D strides=2x2", without a space where there are no attributes.
std::string title(const Op& op) {
  const std::string attributes = attributes_of(op);
  return attributes.empty() ? std::string(name_of(op)) : fmt::format("{} {}", name_of(op), attributes);
}

std::string count(std::size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

// A Graphviz string: quotes and backslashes escaped.
std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

// The name of the Graphviz node that makes a value.
std::string origin(const Graph& graph, ValueId value) {
  const int producer = graph.values()[static_cast<std::size_t>(value)].producer;
  return producer >= 0 ? fmt::format("n{}", producer) : fmt::format("v{}", value);
}

}  // namespace

std::string dump(const Graph& graph) {
  std::string text = fmt::format("graph: {}, {}, {}\n", count(graph.nodes().size(), "node"),
                                 count(graph.variables().size(), "variable"), count(graph.updates().size(), "update"));
  for (const NamedValue& input : graph.inputs())
    text += fmt::format("input %{} {}: {}\n", input.value, input.name, to_string(graph.type(input.value)));
  for (const Variable& variable : graph.variables())
    text += fmt::format("variable %{} {}: {}\n", variable.value, variable.name, to_string(graph.type(variable.value)));
  for (const Node& node : graph.nodes()) {
    std::string types;
    for (const ValueId output : node.outputs) types += (types.empty() ? "" : ", ") + to_string(graph.type(output));
    text += fmt::format("{} = {}({})", value_list(node.outputs), name_of(node.op), value_list(node.inputs));
    if (const std::string attributes = attributes_of(node.op); !attributes.empty()) text += ' ' + attributes;
    text += fmt::format(": {}\n", types);
  }
  for (const Update& update : graph.updates())
    text += fmt::format("update {} := %{}\n", graph.variables()[static_cast<std::size_t>(update.variable)].name, update.value);
  for (const NamedValue& output : graph.outputs()) text += fmt::format("output {} = %{}\n", output.name, output.value);
  return text;
}

std::string dump_dot(const Graph& graph) {
  std::string text = "digraph tutti {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n";
  const auto source = [&](const NamedValue& value, std::string_view style) {
    text += fmt::format("  v{} [label={}, {}];\n", value.value,
                        in_quotes(fmt::format("{}\n{}", value.name, to_string(graph.type(value.value)))), style);
  };
  const auto edge = [&](ValueId from, const std::string& to, std::string_view style) {
    text += fmt::format("  {} -> {} [label={}{}];\n", origin(graph, from), to, in_quotes(to_string(graph.shape(from))), style);
  };
  for (const NamedValue& input : graph.inputs()) source(input, "shape=ellipse");
  for (const Variable& variable : graph.variables())
    source({variable.name, variable.value}, "shape=cylinder, style=filled, fillcolor=lightgrey");
  for (std::size_t index = 0; index < graph.nodes().size(); ++index) {
    const Node& node = graph.nodes()[index];
    text += fmt::format("  n{} [label={}];\n", index, in_quotes(title(node.op)));
    for (const ValueId input : node.inputs) edge(input, fmt::format("n{}", index), "");
  }
  for (const Update& update : graph.updates()) {
    const ValueId target = graph.variables()[static_cast<std::size_t>(update.variable)].value;
    edge(update.value, fmt::format("v{}", target), ", style=dashed, constraint=false");
  }
  for (std::size_t index = 0; index < graph.outputs().size(); ++index) {
    const NamedValue& output = graph.outputs()[index];
    text += fmt::format("  o{} [label={}, shape=ellipse, style=bold];\n", index, in_quotes(output.name));
    edge(output.value, fmt::format("o{}", index), "");
  }
  return text + "}\n";
}

}  // namespace tutti
