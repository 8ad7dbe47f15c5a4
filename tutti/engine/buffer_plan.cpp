#include "tutti/engine/buffer_plan.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "tutti/tensor/tensor.h"

namespace tutti {
namespace {

using Place = BufferPlan::Place;
using Location = BufferPlan::Location;

constexpr int kNever = -1;

// Bytes that one or more values occupy, from the node that first writes them to the last that reads them.
struct Storage {
  Place place;
  int index = -1;  // input value or variable
  std::size_t bytes = 0;
  int first = 0, last = kNever;
  std::size_t offset = 0;
};

std::size_t aligned(std::size_t bytes) { return (bytes + Tensor::kAlignment - 1) / Tensor::kAlignment * Tensor::kAlignment; }

// What the planner knows of a node, or of fused nodes.
struct Step {
  std::vector<ValueId> inputs, outputs;
  std::vector<int> in_place;  // by output: the input it may overwrite, or -1
  bool is_alias = false;
};

// By node; nothing where a node is fused into a later one.
std::vector<Step> steps_of(const Graph& graph, std::span<const FusedNodes> fusions) {
  std::vector<Step> steps;
  for (const Node& node : graph.nodes()) {
    Step step{node.inputs, node.outputs, {}, std::holds_alternative<op::Reshape>(node.op)};
    for (std::size_t output = 0; output < node.outputs.size(); ++output)
      step.in_place.push_back(in_place_input(node.op, static_cast<int>(output)));
    steps.push_back(std::move(step));
  }
  for (const FusedNodes& fused : fusions) {
    for (const int node : fused.nodes) steps[static_cast<std::size_t>(node)] = {};
    Step step{fused.inputs, fused.outputs, fused.in_place};
    step.in_place.resize(fused.outputs.size(), -1);
    steps[static_cast<std::size_t>(fused.nodes.back())] = std::move(step);
  }
  return steps;
}

class Planner {
 public:
  Planner(const Graph& graph, std::span<const FusedNodes> fusions);
  BufferPlan plan();

 private:
  void find_live_nodes();
  void find_last_reads();
  void place_sources();
  void place_outputs(int index);
  // The storage that output number `output` of a node may take over from an input; -1: none.
  int storage_to_take_over(int index, int output) const;
  bool updates_variable(ValueId value, VariableId variable) const;
  void place_copies(BufferPlan& plan);
  std::size_t pack_arena();

  int end() const { return static_cast<int>(graph_.nodes().size()); }
  int& storage_of(ValueId value) { return storage_of_[static_cast<std::size_t>(value)]; }
  int storage_of(ValueId value) const { return storage_of_[static_cast<std::size_t>(value)]; }
  int& last_read(ValueId value) { return last_read_[static_cast<std::size_t>(value)]; }
  int last_read(ValueId value) const { return last_read_[static_cast<std::size_t>(value)]; }
  int new_storage(Storage storage);

  const Graph& graph_;
  const std::vector<Step> steps_;  // by node
  std::vector<bool> live_;         // by node
  std::vector<int> last_read_;     // by value, its aliases included; end() if it is read after all nodes ran
  std::vector<int> storage_of_;    // by value
  std::vector<Storage> storages_;
};

Planner::Planner(const Graph& graph, std::span<const FusedNodes> fusions)
    : graph_(graph),
      steps_(steps_of(graph, fusions)),
      live_(graph.nodes().size()),
      last_read_(graph.values().size(), kNever),
      storage_of_(graph.values().size(), -1) {}

BufferPlan Planner::plan() {
  find_live_nodes();
  find_last_reads();
  place_sources();
  BufferPlan plan;
  for (int index = 0; index < end(); ++index) {
    if (!live_[static_cast<std::size_t>(index)]) continue;
    place_outputs(index);
    if (!steps_[static_cast<std::size_t>(index)].is_alias) plan.nodes.push_back(index);
  }
  place_copies(plan);
  plan.arena_bytes = pack_arena();
  for (const int storage : storage_of_) {
    Location location;
    if (storage >= 0) {
      const Storage& at = storages_[static_cast<std::size_t>(storage)];
      location = {at.place, at.index, at.offset};
    }
    plan.values.push_back(location);
  }
  for (BufferPlan::Copy& copy : plan.copies)
    if (copy.staged) copy.staging = storages_[copy.staging].offset;
  return plan;
}

int Planner::new_storage(Storage storage) {
  storages_.push_back(storage);
  return static_cast<int>(storages_.size()) - 1;
}

void Planner::find_live_nodes() {
  std::vector<bool> needed(graph_.values().size());
  for (const NamedValue& output : graph_.outputs()) needed[static_cast<std::size_t>(output.value)] = true;
  for (const Update& update : graph_.updates()) needed[static_cast<std::size_t>(update.value)] = true;
  for (std::size_t index = graph_.nodes().size(); index-- > 0;) {
    const Step& node = steps_[index];
    live_[index] = std::any_of(node.outputs.begin(), node.outputs.end(),
                               [&](ValueId output) { return needed[static_cast<std::size_t>(output)]; });
    if (!live_[index]) continue;
    for (const ValueId input : node.inputs) needed[static_cast<std::size_t>(input)] = true;
  }
}

void Planner::find_last_reads() {
  for (const NamedValue& output : graph_.outputs()) last_read(output.value) = end();
  for (const Update& update : graph_.updates()) last_read(update.value) = end();
  // Backwards, so that an alias knows its own last read before it passes it on.
  for (int index = end() - 1; index >= 0; --index) {
    const Step& node = steps_[static_cast<std::size_t>(index)];
    if (!live_[static_cast<std::size_t>(index)]) continue;
    const int read = node.is_alias ? last_read(node.outputs.front()) : index;
    for (const ValueId input : node.inputs) last_read(input) = std::max(last_read(input), read);
  }
}

void Planner::place_sources() {
  for (const NamedValue& input : graph_.inputs())
    storage_of(input.value) = new_storage({.place = Place::kFeed, .index = input.value});
  for (std::size_t variable = 0; variable < graph_.variables().size(); ++variable) {
    const ValueId value = graph_.variables()[variable].value;
    storage_of(value) = new_storage({.place = Place::kVariable,
                                     .index = static_cast<int>(variable),
                                     .bytes = graph_.type(value).bytes(),
                                     .last = last_read(value)});
  }
}

void Planner::place_outputs(int index) {
  const Step& node = steps_[static_cast<std::size_t>(index)];
  if (node.is_alias) {
    storage_of(node.outputs.front()) = storage_of(node.inputs.front());
    return;
  }
  for (int output = 0; output < static_cast<int>(node.outputs.size()); ++output) {
    const ValueId value = node.outputs[static_cast<std::size_t>(output)];
    const int dies = std::max(index, last_read(value));
    const int taken = storage_to_take_over(index, output);
    storage_of(value) =
        taken >= 0 ? taken : new_storage({.place = Place::kArena, .bytes = graph_.type(value).bytes(), .first = index});
    Storage& storage = storages_[static_cast<std::size_t>(storage_of(value))];
    storage.last = std::max(storage.last, dies);
  }
}

int Planner::storage_to_take_over(int index, int output) const {
  const Step& node = steps_[static_cast<std::size_t>(index)];
  const int input = node.in_place[static_cast<std::size_t>(output)];
  if (input < 0 || input >= static_cast<int>(node.inputs.size())) return -1;
  const int candidate = storage_of(node.inputs[static_cast<std::size_t>(input)]);
  for (int other = 0; other < static_cast<int>(node.inputs.size()); ++other)
    if (other != input && storage_of(node.inputs[static_cast<std::size_t>(other)]) == candidate) return -1;
  const Storage& storage = storages_[static_cast<std::size_t>(candidate)];
  const ValueId value = node.outputs[static_cast<std::size_t>(output)];
  // Someone reads the old content later; or it is the new content of a variable, whose last read is the end.
  if (storage.last > index) return -1;
  if (storage.place == Place::kVariable) return updates_variable(value, storage.index) ? candidate : -1;
  return storage.place == Place::kArena && storage.bytes == graph_.type(value).bytes() ? candidate : -1;
}

bool Planner::updates_variable(ValueId value, VariableId variable) const {
  return std::any_of(graph_.updates().begin(), graph_.updates().end(),
                     [&](const Update& update) { return update.variable == variable && update.value == value; });
}

void Planner::place_copies(BufferPlan& plan) {
  for (const Update& update : graph_.updates()) {
    const int source = storage_of(update.value);
    const int target = storage_of(graph_.variables()[static_cast<std::size_t>(update.variable)].value);
    if (source == target) continue;
    BufferPlan::Copy copy{update.variable, update.value};
    if (storages_[static_cast<std::size_t>(source)].place == Place::kVariable) {
      copy.staged = true;
      const std::size_t bytes = graph_.type(update.value).bytes();
      // The number of the storage until the arena is packed.
      copy.staging =
          static_cast<std::size_t>(new_storage({.place = Place::kArena, .bytes = bytes, .first = end(), .last = end()}));
    }
    plan.copies.push_back(copy);
  }
}

// Greedy by size: the largest storage first, each at the lowest offset that is free during its life. Source: Pisarchyk and
// Lee, "Efficient memory management for deep neural net inference" (2020), section 5.2.
std::size_t Planner::pack_arena() {
  std::vector<std::size_t> order;
  for (std::size_t storage = 0; storage < storages_.size(); ++storage)
    if (storages_[storage].place == Place::kArena) order.push_back(storage);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return storages_[a].bytes > storages_[b].bytes; });
  std::vector<std::size_t> placed;  // by offset
  std::size_t arena = 0;
  for (const std::size_t current : order) {
    Storage& storage = storages_[current];
    std::size_t offset = 0;
    for (const std::size_t other_index : placed) {
      const Storage& other = storages_[other_index];
      if (other.last < storage.first || other.first > storage.last) continue;
      if (other.offset >= offset + storage.bytes) break;
      offset = std::max(offset, aligned(other.offset + other.bytes));
    }
    storage.offset = offset;
    arena = std::max(arena, aligned(offset + storage.bytes));
    placed.insert(std::upper_bound(placed.begin(), placed.end(), current,
                                   [&](std::size_t a, std::size_t b) { return storages_[a].offset < storages_[b].offset; }),
                  current);
  }
  return arena;
}

}  // namespace

BufferPlan plan_buffers(const Graph& graph, std::span<const FusedNodes> fusions) { return Planner(graph, fusions).plan(); }

}  // namespace tutti
