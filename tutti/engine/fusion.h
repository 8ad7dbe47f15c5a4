// Nodes that an engine runs together in one kernel, in the otherwise default program: values between them need no memory.
#pragma once

#include <memory>
#include <vector>

#include "tutti/engine/engine.h"

namespace tutti {

struct FusedNodes {
  // The nodes it stands for, ascending. It runs in the place of the last one, so no other node before that may read its
  // outputs.
  std::vector<int> nodes;
  std::vector<ValueId> inputs, outputs;  // of the kernel; no other kernel reads the other values that the nodes make
  // For each output the input whose buffer it may overwrite, -1: none. Empty: none for all.
  std::vector<int> in_place = {};
};

struct Fusion {
  FusedNodes fused;
  std::unique_ptr<Kernel> kernel;
};

// program.cpp: as compile_op_by_op, but for `fusions`, of which no two have a node in common.
std::unique_ptr<Program> compile_fused(Engine& engine, const Graph& graph, Program* sharing, std::vector<Fusion> fusions);

}  // namespace tutti
