// From a model to a graph.
#pragma once

#include "tutti/graph/graph.h"
#include "tutti/nn/model.h"

namespace tutti {

enum class Purpose { kTraining, kEvaluation, kInference };

struct GraphRequest {
  Purpose purpose = Purpose::kInference;
  std::int64_t batch_size = 1;
  std::uint64_t seed = 0;  // of dropout
};

// Inputs "x" (several: "x0", "x1", ...) and, but for inference, "y". Outputs "prediction" (several: "prediction0", ...) and
// "loss" (scalar, mean over the batch with regularisation). Variables: the weights ("conv2d/kernel"); for training also
// "optimizer/learning_rate" (float32), "optimizer/iteration" (int64), "optimizer/<scalar>" and "conv2d/kernel/<slot>".
Graph write_graph(const Model& model, const GraphRequest& request);

// Names of the variables that hold a weight's optimizer slots.
std::string slot_variable_name(std::string_view weight_variable, std::string_view slot);
inline constexpr const char* kLearningRateVariable = "optimizer/learning_rate";
inline constexpr const char* kIterationVariable = "optimizer/iteration";
std::string optimizer_variable_name(std::string_view scalar);

}  // namespace tutti
