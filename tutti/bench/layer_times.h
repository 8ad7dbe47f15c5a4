// From the steps of a program to the layers of a model.
#pragma once

#include <vector>

#include "tutti/bench/bench.h"
#include "tutti/engine/engine.h"

namespace tutti {

// runs: of one program of `graph`, each with the same steps. Medians.
std::vector<LayerTime> layer_times(const Graph& graph, const std::vector<std::vector<StepTime>>& runs);

}  // namespace tutti
