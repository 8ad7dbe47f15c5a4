#include "tutti/bench/layer_times.h"

#include <algorithm>
#include <limits>
#include <set>

#include "tutti/graph/cost.h"

namespace tutti {
namespace {

constexpr std::string_view kComma = ", ", kPlus = " + ";

// Calls body(item) for each item of a list.
template <class Body>
void for_each_item(std::string_view list, std::string_view separator, const Body& body) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(separator), list.size());
    body(list.substr(0, end));
    list.remove_prefix(std::min(end + separator.size(), list.size()));
  }
}

// Appends `item` to a list, once.
void add_item(std::string& list, std::string_view item, std::string_view separator) {
  bool known = item.empty();
  for_each_item(list, separator, [&](std::string_view other) { known |= other == item; });
  if (known) return;
  if (!list.empty()) list += separator;
  list += item;
}

void add_items(std::string& list, std::string_view more, std::string_view separator) {
  for_each_item(more, separator, [&](std::string_view item) { add_item(list, item, separator); });
}

std::string_view name_of_phase(Node::Phase phase) {
  switch (phase) {
    case Node::Phase::kForward:
      return "forward";
    case Node::Phase::kBackward:
      return "backward";
    case Node::Phase::kUpdate:
      return "update";
  }
  return "";
}

std::string_view name_of_layer(const Node::Origin& origin) {
  if (!origin.layer.empty()) return origin.layer;
  return origin.phase == Node::Phase::kUpdate ? "optimizer" : "loss";
}

class Accountant {
 public:
  explicit Accountant(const Graph& graph) : graph_(graph), readers_(graph.values().size()), kept_(graph.values().size()) {
    for (std::size_t i = 0; i < graph.nodes().size(); ++i)
      for (const ValueId input : graph.nodes()[i].inputs) readers_[index(input)].push_back(static_cast<int>(i));
    for (const NamedValue& output : graph.outputs()) kept_[index(output.value)] = true;
    for (const Update& update : graph.updates()) kept_[index(update.value)] = true;
  }

  // Without its time.
  LayerTime describe(const StepTime& step) const {
    LayerTime result{.layer = step.nodes.empty() ? "copies" : "", .phase = "", .algorithm = ""};
    if (!step.nodes.empty()) add_items(result.algorithm, step.algorithm, kPlus);
    for (const int number : step.nodes) {
      const Node& node = graph_.nodes()[index(number)];
      add_item(result.layer, name_of_layer(node.origin), kComma);
      add_item(result.phase, name_of_phase(node.origin.phase), kComma);
      result.flops += flops(node);
    }
    result.bytes = bytes(step.nodes);
    return result;
  }

 private:
  static std::size_t index(int id) { return static_cast<std::size_t>(id); }

  double flops(const Node& node) const {
    std::vector<TensorType> inputs, outputs;
    for (const ValueId value : node.inputs) inputs.push_back(graph_.type(value));
    for (const ValueId value : node.outputs) outputs.push_back(graph_.type(value));
    return flops_of(node.op, inputs, outputs);
  }

  // Of values that come from elsewhere or that others read.
  double bytes(const std::vector<int>& nodes) const {
    std::set<ValueId> seen;
    const auto within = [&](int node) { return std::ranges::find(nodes, node) != nodes.end(); };
    for (const int number : nodes) {
      const Node& node = graph_.nodes()[index(number)];
      for (const ValueId input : node.inputs)
        if (!within(graph_.values()[index(input)].producer)) seen.insert(input);
      for (const ValueId output : node.outputs)
        if (kept_[index(output)] || !std::ranges::all_of(readers_[index(output)], within)) seen.insert(output);
    }
    double sum = 0;
    for (const ValueId value : seen) sum += static_cast<double>(graph_.type(value).bytes());
    return sum;
  }

  const Graph& graph_;
  std::vector<std::vector<int>> readers_;  // by value
  std::vector<bool> kept_;                 // by value: to the end of a run
};

}  // namespace

std::vector<LayerTime> layer_times(const Graph& graph, const std::vector<std::vector<StepTime>>& runs) {
  struct Row {
    int first_node;
    LayerTime time;
  };
  const Accountant accountant(graph);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < runs.front().size(); ++i) {
    const StepTime& step = runs.front()[i];
    LayerTime time = accountant.describe(step);
    std::vector<double> seconds;
    for (const std::vector<StepTime>& run : runs) seconds.push_back(run[i].seconds);
    time.seconds = median(std::move(seconds));
    const int first = step.nodes.empty() ? std::numeric_limits<int>::max() : std::ranges::min(step.nodes);
    const auto same = std::ranges::find_if(
        rows, [&](const Row& row) { return row.time.layer == time.layer && row.time.phase == time.phase; });
    if (same == rows.end()) {
      rows.push_back({first, std::move(time)});
      continue;
    }
    same->first_node = std::min(same->first_node, first);
    same->time.seconds += time.seconds;
    same->time.flops += time.flops;
    same->time.bytes += time.bytes;
    add_items(same->time.algorithm, time.algorithm, kPlus);
  }
  std::ranges::stable_sort(rows, {}, &Row::first_node);
  std::vector<LayerTime> times;
  for (Row& row : rows) times.push_back(std::move(row.time));
  return times;
}

}  // namespace tutti
