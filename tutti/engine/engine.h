// The seam between graphs and the engines that run them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/graph/graph.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

// One node to execute. Its types are final: the graph has inferred and checked them.
struct OpCall {
  Op op;
  std::vector<TensorType> inputs, outputs;
  // By input: holds the same numbers from one Kernel::refresh() to the next, as weights do where nothing trains. Empty: none
  // does.
  std::vector<bool> constant = {};

  bool is_constant(std::size_t input) const { return input < constant.size() && constant[input]; }
};

// An OpCall made ready to run many times: packed weights, scratch, vendor handles. One thread at a time. Inputs and outputs
// are row-major host memory of any element alignment; outputs hold garbage before the run and never overlap inputs,
// but for in_place_input().
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void run(std::span<const ConstView> in, std::span<const View> out) = 0;
  // Constant inputs may hold other numbers from now on: what was made of them (packed, transformed) is to be made again.
  virtual void refresh() {}
  // How, in a few words, where there is more than one way: "Winograd F(4x4, 3x3)".
  virtual std::string_view algorithm() const { return {}; }
};

// A kernel, or the reason why there is none: "groups > 1 needs dilation == 1".
struct Prepared {
  std::unique_ptr<Kernel> kernel;
  std::string refusal;
};

struct Feed {
  ValueId value;  // an input of the graph
  ConstView view;
};
struct Fetch {
  ValueId value;  // an output of the graph
  View view;      // where to put it
};

// What one step of a run was: nodes that ran together, and what they took.
struct StepTime {
  std::vector<int> nodes;  // indices in Graph::nodes(); empty: copies at the beginning or end of the run
  std::string algorithm;   // "" if unknown, or if there is but one; of several kernels "reorder + jit:avx512_core"
  double seconds = 0;
};

// A whole graph made ready: owns its variables, or shares those of another program of the same engine. A new program's
// variables that it shares with none are zero.
class Program {
 public:
  virtual ~Program() = default;
  // Runs every node, then the updates. All inputs must be fed (Error names a missing one or a wrong type).
  virtual void run(std::span<const Feed> feeds, std::span<const Fetch> fetches) = 0;
  // run(), and what its steps took, in their order: for `tutti bench`.
  virtual std::vector<StepTime> run_timed(std::span<const Feed> feeds, std::span<const Fetch> fetches) = 0;
  virtual Tensor read(VariableId variable) const = 0;
  virtual void write(VariableId variable, const Tensor& value) = 0;
  // Bytes of the buffers between ops, variables not counted; 0 if unknown.
  virtual std::size_t workspace_bytes() const { return 0; }
  // Nodes that run on the reference engine because this one refused them, "Dropout: reason"; for `tutti graph`.
  virtual std::vector<std::string> fallbacks() const { return {}; }
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string_view name() const = 0;
  // "cpu", "cuda:0".
  virtual std::string_view device() const { return "cpu"; }
  // Refuses, never throws.
  virtual Prepared prepare(const OpCall& call) = 0;
  // Default: op by op on a planned set of host buffers (program.cpp); a refused node goes to the reference engine, logged once
  // by name. `sharing`: a program of this engine whose variables (found by name) the new one uses too.
  virtual std::unique_ptr<Program> compile(const Graph& graph, Program* sharing = nullptr);
};

// By ValueId: variables that no run of the graph updates, so that they change only between runs.
std::vector<bool> constant_values(const Graph& graph);

// program.cpp: the default Program for any engine that only prepares ops.
std::unique_ptr<Program> compile_op_by_op(Engine& engine, const Graph& graph, Program* sharing);

// Prepares what engines refuse. Set by engines/engines.cpp to the reference engine's, so that engine/ need not include it.
using PrepareFallback = Prepared (*)(const OpCall&);
void set_fallback(PrepareFallback fallback);

}  // namespace tutti
