// Graphs and single ops made ready to run by ATen on one device.
#pragma once

#include <memory>
#include <string>

#include <c10/core/Device.h>

#include "tutti/engine/engine.h"

namespace tutti {

// Error if `sharing` is not a program of this function.
std::unique_ptr<Program> compile_for_torch(const Graph& graph, c10::Device device, Program* sharing);

// Refuses what is neither float32 nor float64, but for the ops that only move or convert elements.
Prepared prepare_for_torch(const OpCall& call, c10::Device device);

}  // namespace tutti
