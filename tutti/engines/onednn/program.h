// Running lowered graphs: a single op as a Kernel, a whole graph as a Program.
#pragma once

#include <map>

#include "tutti/engine/engine.h"
#include "tutti/engines/onednn/lowering.h"

namespace tutti::onednn {

// A graph and the plan it was lowered to. The plan belongs to a number of threads and is made anew when that changes.
class Executor {
 public:
  // Lowers with `fallback`, which may add steps to lowering().
  using Fallback = std::function<bool(Lowering&, const Node&, const Refusal&)>;
  Executor(Graph graph, Fallback fallback);

  // False if the fallback said so.
  bool build();
  const Graph& graph() const { return graph_; }
  const Plan& plan() const { return *plan_; }

  // Memory of an input or a variable, of an output. Memory that was not bound to an output is our own.
  void bind_source(ValueId value, const void* memory);
  void bind_output(ValueId value, void* memory);
  void run();
  std::vector<StepTime> run_timed();
  // Where output `value` of the last run is.
  const void* output(ValueId value) const { return plan_->data<void>(outputs_.at(value)); }
  // The number of threads is another one than in build().
  bool is_stale() const;

 private:
  Graph graph_;
  Fallback fallback_;
  std::unique_ptr<Plan> plan_;
  std::vector<std::vector<int>> nodes_of_steps_;
  std::map<ValueId, BufferId> sources_, outputs_;
  std::map<ValueId, Tensor> spare_outputs_;
  int threads_ = 0;
};

// One op, row-major memory on all sides.
Prepared prepare_op(const OpCall& call);

// A whole graph; layouts flow from op to op, refused nodes run on the reference engine. Error if `sharing` is not ours.
std::unique_ptr<Program> compile_graph(const Graph& graph, Program* sharing);

}  // namespace tutti::onednn
