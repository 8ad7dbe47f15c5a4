// Activations by Keras's names.
#pragma once

#include <string>
#include <string_view>

#include "tutti/graph/graph.h"

namespace tutti {

// Error (in the name of `layer`) if tutti does not have it. "" is linear.
void check_activation(std::string_view layer, const std::string& name);
// The op's name as Keras 3 writes it: "swish" is "silu", "" is "linear".
std::string canonical_activation(const std::string& name);
ValueId apply_activation(Graph& graph, const std::string& name, ValueId x);

}  // namespace tutti
