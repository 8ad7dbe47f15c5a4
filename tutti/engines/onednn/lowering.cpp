#include "tutti/engines/onednn/lowering.h"

#include <algorithm>
#include <limits>

namespace tutti::onednn {

namespace {

constexpr int kForever = std::numeric_limits<int>::max();

}  // namespace

Lowering::Lowering(const Graph& graph, Plan& plan)
    : graph_(graph),
      plan_(plan),
      copies_(graph.values().size()),
      consumers_(graph.values().size()),
      pinned_(graph.values().size(), 0),
      lowered_(graph.nodes().size(), 0) {
  find_live_nodes();
  count_uses();
  define_sources();
}

void Lowering::find_live_nodes() {
  std::vector<char> needed(graph_.values().size(), 0);
  for (const NamedValue& output : graph_.outputs()) needed[index(output.value)] = 1;
  for (const Update& update : graph_.updates()) needed[index(update.value)] = 1;
  for (std::size_t i = graph_.nodes().size(); i-- > 0;) {
    const Node& node = graph_.nodes()[i];
    const bool live = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) { return needed[index(v)] != 0; });
    lowered_[i] = !live;
    if (!live) continue;
    for (const ValueId input : node.inputs) needed[index(input)] = 1;
  }
}

void Lowering::count_uses() {
  for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
    if (lowered_[i]) continue;
    for (const ValueId input : graph_.nodes()[i].inputs) consumers_[index(input)].push_back(static_cast<int>(i));
  }
  for (const NamedValue& output : graph_.outputs()) pinned_[index(output.value)] = 1;
  for (const Update& update : graph_.updates()) pinned_[index(update.value)] = 1;
}

void Lowering::define_sources() {
  const auto define = [this](ValueId value) {
    const Desc desc = has_data_type(type(value).dtype) ? plain_desc(type(value)) : Desc();
    alias(value, {plan_.add_bound_buffer(), desc});
  };
  for (const NamedValue& input : graph_.inputs()) define(input.value);
  for (const Variable& variable : graph_.variables()) define(variable.value);
  for (const NamedValue& output : graph_.outputs())
    if (!output_buffers_.contains(output.value)) output_buffers_[output.value] = plan_.add_bound_buffer();
}

bool Lowering::run(const Fallback& fallback) {
  for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
    if (lowered_[i]) continue;
    current_ = static_cast<int>(i);
    group_ = {current_};
    const Node& node = graph_.nodes()[i];
    Refusal refusal;
    try {
      refusal = lower(*this, node);
    } catch (const dnnl::error& error) {
      refusal = std::string("oneDNN: ") + error.what();
    }
    if (!refusal.empty() && !fallback(node, refusal)) return false;
    lowered_[i] = 1;
    nodes_of_steps_.resize(plan_.step_count(), group_);
  }
  write_outputs();
  write_updates();
  nodes_of_steps_.resize(plan_.step_count());
  plan_.finish();
  return true;
}

Operand Lowering::plain(ValueId value) {
  if (!has_data_type(type(value).dtype)) return native(value);
  return in(value, plain_desc(type(value)));
}

Operand Lowering::in(ValueId value, const Desc& desc) {
  std::vector<Operand>& copies = copies_[index(value)];
  for (const Operand& copy : copies)
    if (copy.desc == desc) return copy;
  const Operand copy{plan_.add_buffer(desc.get_size()), desc};
  plan_.add_reorder(copies.front(), copy);
  copies.push_back(copy);
  return copy;
}

Operand Lowering::in_view(ValueId value, const Desc& view, const Desc& desc) {
  for (const Operand& copy : copies_[index(value)])
    if (copy.desc == desc) return copy;
  const Operand source{plain(value).buffer, view};
  if (view == desc) return source;
  const Operand copy{plan_.add_buffer(desc.get_size()), desc};
  plan_.add_reorder(source, copy);
  copies_[index(value)].push_back(copy);
  return copy;
}

Operand Lowering::loopable(ValueId value) {
  const Operand operand = native(value);
  return image_layout(operand.desc, type(value)) ? operand : plain(value);
}

Operand Lowering::loopable_as(ValueId saved, ValueId value) {
  const auto layout = image_layout(native(value).desc, type(value)), wanted = image_layout(native(saved).desc, type(saved));
  const bool is_blocked = layout && layout->tag != Tag::nhwc;
  if (is_blocked || !wanted || wanted->tag == Tag::nhwc || wanted->channels() != shape(value)[3]) return loopable(value);
  return in(value, desc_of(*wanted, type(value)));
}

Operand Lowering::in_layout_of(const Operand& operand, ValueId like, ValueId value) {
  const auto layout = image_layout(operand.desc, type(like));
  return layout ? in(value, desc_of(*layout, type(value))) : plain(value);
}

Operand Lowering::out(ValueId value, const Desc& desc) {
  const bool is_plain = !has_data_type(type(value).dtype) || desc == plain_desc(type(value));
  const auto output = output_buffers_.find(value);
  const bool write_to_output = output != output_buffers_.end() && is_plain;
  const std::size_t bytes = is_plain ? type(value).bytes() : desc.get_size();
  const Operand operand{write_to_output ? output->second : plan_.add_buffer(bytes), desc};
  alias(value, operand);
  return operand;
}

Operand Lowering::out_plain(ValueId value) {
  return out(value, has_data_type(type(value).dtype) ? plain_desc(type(value)) : Desc());
}

Operand Lowering::out_in_place(ValueId value, ValueId input, const Operand& operand) {
  if (!may_overwrite(value, input, operand.buffer)) return out(value, operand.desc);
  alias(value, operand);
  return operand;
}

// A buffer of a value may be overwritten by its last reader. A variable's only if that makes its next value.
bool Lowering::may_overwrite(ValueId value, ValueId input, BufferId buffer) const {
  const auto last = last_reader_.find(buffer);
  if (output_buffers_.contains(value) || last == last_reader_.end() || last->second > current_) return false;
  if (!plan_.is_bound(buffer)) return true;
  const std::optional<VariableId> variable = graph_.variable_of(input);
  if (!variable || source_buffer(input) != buffer) return false;
  return std::any_of(graph_.updates().begin(), graph_.updates().end(),
                     [&](const Update& update) { return update.variable == *variable && update.value == value; });
}

void Lowering::alias(ValueId value, const Operand& operand) {
  copies_[index(value)] = {operand};
  int last = pinned_[index(value)] ? kForever : -1;
  for (const int consumer : consumers_[index(value)]) last = std::max(last, consumer);
  int& last_reader = last_reader_.try_emplace(operand.buffer, -1).first->second;
  last_reader = std::max(last_reader, last);
}

Operand Lowering::temporary(const Desc& desc) { return {plan_.add_buffer(desc.get_size()), desc}; }

const Node* Lowering::sole_consumer(ValueId value) const {
  if (pinned_[index(value)] || consumers_[index(value)].size() != 1) return nullptr;
  const int consumer = consumers_[index(value)].front();
  return lowered_[index(consumer)] ? nullptr : &graph_.nodes()[index(consumer)];
}

bool Lowering::inputs_defined(const Node& node) const {
  return std::all_of(node.inputs.begin(), node.inputs.end(), [this](ValueId v) { return !copies_[index(v)].empty(); });
}

void Lowering::mark_lowered(const Node& node) {
  const int number = graph_.values()[index(node.outputs.front())].producer;
  lowered_[index(number)] = 1;
  group_.push_back(number);
}

const Node* Lowering::ready_consumer(ValueId value, const std::function<bool(const Node&)>& wanted) const {
  for (const int consumer : consumers_[index(value)]) {
    const Node& node = graph_.nodes()[index(consumer)];
    if (!lowered_[index(consumer)] && wanted(node) && inputs_defined(node)) return &node;
  }
  return nullptr;
}

void Lowering::write_outputs() {
  for (const auto& [value, buffer] : output_buffers_) {
    const Operand operand = plain(value);
    if (operand.buffer != buffer) plan_.add_copy(operand.buffer, buffer, type(value).bytes());
  }
}

// After all reads. New values that lie in another variable's memory are set aside first: two variables may swap.
void Lowering::write_updates() {
  struct Copy {
    BufferId from, to;
    std::size_t bytes;
  };
  std::vector<Copy> copies;
  for (const Update& update : graph_.updates()) {
    const BufferId target = source_buffer(graph_.variables()[index(update.variable)].value);
    const std::size_t bytes = type(update.value).bytes();
    Operand source = plain(update.value);
    if (source.buffer == target) continue;
    if (plan_.is_bound(source.buffer)) {
      const BufferId aside = plan_.add_buffer(bytes);
      plan_.add_copy(source.buffer, aside, bytes);
      source.buffer = aside;
    }
    copies.push_back({source.buffer, target, bytes});
  }
  for (const Copy& copy : copies) plan_.add_copy(copy.from, copy.to, copy.bytes);
}

}  // namespace tutti::onednn
