// From a graph to a plan: which memory each value lies in, in which layout, and the steps that make it.
//
// A value has one or more copies, each in another layout; the first is the one its producer wrote. Layouts flow forward: a
// convolution asks oneDNN what it likes, element-wise ops, pooling and dropout take what they are given, and what
// needs row-major memory asks for plain(). A reorder is added only where no copy has the wanted layout yet.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tutti/engines/onednn/plan.h"

namespace tutti::onednn {

// Why an op has no kernel here; empty if it has one.
using Refusal = std::string;

class Lowering {
 public:
  Lowering(const Graph& graph, Plan& plan);

  // Lowers every node that an output or an update needs, then finishes the plan. An op without a kernel goes to `fallback`; if
  // that returns false, so does run(), at once.
  using Fallback = std::function<bool(const Node&, const Refusal&)>;
  bool run(const Fallback& fallback);
  // By step of the plan: the nodes that it is for; none for the copies at the end.
  const std::vector<std::vector<int>>& nodes_of_steps() const { return nodes_of_steps_; }

  const Graph& graph() const { return graph_; }
  Plan& plan() { return plan_; }
  const TensorType& type(ValueId value) const { return graph_.type(value); }
  const Shape& shape(ValueId value) const { return graph_.shape(value); }

  // --- Inputs of the node that is being lowered.

  // The copy its producer wrote.
  Operand native(ValueId value) const { return copies_[index(value)].front(); }
  // A copy in row-major memory.
  Operand plain(ValueId value);
  // A copy in the layout `desc`, of the same logical dimensions.
  Operand in(ValueId value, const Desc& desc);
  // A copy in the layout `desc`, whose dimensions fit the row-major view `view` of the value: kernels of convolutions.
  Operand in_view(ValueId value, const Desc& view, const Desc& desc);
  // The value as it lies, if our loops know that layout of an image; else plain.
  Operand loopable(ValueId value);
  // The same, but blocked where only `saved`, an image of as many channels, is: so a gradient that came through a flattening
  // goes on in the layout of the forward pass.
  Operand loopable_as(ValueId saved, ValueId value);
  // A copy of another image in the layout of `operand`, which is one of `like`.
  Operand in_layout_of(const Operand& operand, ValueId like, ValueId value);

  // --- Outputs of the node that is being lowered.

  // New memory for a value, in the layout `desc`.
  Operand out(ValueId value, const Desc& desc);
  Operand out_plain(ValueId value);
  // The memory of input operand `operand` of value `input` if nobody needs it later, else new memory of the same layout.
  Operand out_in_place(ValueId value, ValueId input, const Operand& operand);
  // The value is what lies in `operand` already: a reshape.
  void alias(ValueId value, const Operand& operand);
  // Memory that lives only inside this node's steps.
  Operand temporary(const Desc& desc);

  // --- Fusion.

  // The only node that reads `value`, if it is not lowered yet and nobody else needs the value; else nullptr.
  const Node* sole_consumer(ValueId value) const;
  // A node that reads `value` and pleases `wanted`, is not lowered yet and whose inputs are all there; else nullptr.
  const Node* ready_consumer(ValueId value, const std::function<bool(const Node&)>& wanted) const;
  // This node needs no steps of its own any more.
  void mark_lowered(const Node& node);

  // --- The edges of the graph, for whoever runs the plan.

  // Bound buffer of an input or a variable.
  BufferId source_buffer(ValueId value) const { return copies_[index(value)].front().buffer; }
  // Bound buffer of an output.
  BufferId output_buffer(ValueId value) const { return output_buffers_.at(value); }

 private:
  static std::size_t index(int id) { return static_cast<std::size_t>(id); }
  bool inputs_defined(const Node& node) const;
  void define_sources();
  void find_live_nodes();
  void count_uses();
  void write_outputs();
  void write_updates();
  bool may_overwrite(ValueId value, ValueId input, BufferId buffer) const;

  const Graph& graph_;
  Plan& plan_;
  int current_ = 0;                           // index of the node that is being lowered
  std::vector<std::vector<Operand>> copies_;  // by value
  std::vector<std::vector<int>> consumers_;   // by value: nodes
  std::vector<char> pinned_;                  // by value: read after the last node
  std::vector<std::vector<int>> nodes_of_steps_;
  std::vector<int> group_;                      // the nodes that are being lowered together
  std::vector<char> lowered_;                   // by node; true from the start for one that nobody needs
  std::map<BufferId, int> last_reader_;         // by buffer: the last node that reads a value in it
  std::map<ValueId, BufferId> output_buffers_;  // by output value
};

// lower_OP.cpp: the steps of one node, or the reason why there are none. Throws dnnl::error where oneDNN refuses.
Refusal lower(Lowering& lowering, const Node& node);

}  // namespace tutti::onednn
