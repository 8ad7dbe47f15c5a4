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
  bool trace = false;      // outputs for every layer too: see kLayerOutput
};

// With GraphRequest::trace: "layer/<name>" is what a layer gives; of a training graph "gradient/layer/<name>" is the loss's
// gradient there, "gradient/<weight>" that of a trained weight. A layer that is called again has "<name>#1", then "<name>#2". A
// gradient that does not exist is left out.
inline constexpr const char* kLayerOutput = "layer/";
inline constexpr const char* kGradientOutput = "gradient/";

// Inputs "x" (several: "x0", "x1", ...) and, but for inference, "y". Outputs "prediction" (several: "prediction0", ...) and
// "loss" (scalar, mean over the batch with regularisation). Variables: the weights ("conv2d/kernel"); for training also
// "optimizer/learning_rate" (float32), "optimizer/iteration" (int64), "optimizer/<scalar>" and "conv2d/kernel/<slot>".
Graph write_graph(const Model& model, const GraphRequest& request);

// "conv2d/kernel": the name of a weight's variable.
std::string variable_name(const Layer& layer, const Weight& weight);
// Names of the variables that hold a weight's optimizer slots.
std::string slot_variable_name(std::string_view weight_variable, std::string_view slot);
inline constexpr const char* kLearningRateVariable = "optimizer/learning_rate";
inline constexpr const char* kIterationVariable = "optimizer/iteration";
std::string optimizer_variable_name(std::string_view scalar);

}  // namespace tutti
