// Which nodes of a graph the native engine runs together.
#pragma once

#include <vector>

#include "tutti/engine/fusion.h"

namespace tutti::native {

// Fusions that share no node. What is not fused runs op by op; all values between kernels are row-major with channels last,
// which is the layout our kernels want: vectors of channels lie side by side, and no op needs a reorder.
std::vector<Fusion> find_fusions(const Graph& graph);

}  // namespace tutti::native
