// Losses by Keras's names.
#pragma once

#include <string>
#include <string_view>

#include "tutti/graph/op.h"
#include "tutti/nn/json.h"

namespace tutti {

class LossFunction {
 public:
  // "categorical_crossentropy", "mse", ... or a class name. Error names the known ones.
  LossFunction(std::string_view name);
  LossFunction(const char* name) : LossFunction(std::string_view(name)) {}
  LossFunction(const std::string& name) : LossFunction(std::string_view(name)) {}
  // Error for options out of range.
  LossFunction(op::LossAttributes attributes);

  const op::LossAttributes& attributes() const { return attributes_; }
  // Keras's function name, "categorical_crossentropy"; short names ("mse") become long ones.
  std::string name() const;
  // True if targets are class indices, int32, without the last axis of the prediction.
  bool is_sparse() const { return attributes_.kind == op::LossKind::kSparseCategoricalCrossEntropy; }
  // As training_config has it: the name, or {"module", "class_name", "config", ...} if an option is not at its default.
  Json config() const;
  static LossFunction from_config(const Json& config);

 private:
  op::LossAttributes attributes_;
};

struct CrossentropyOptions {
  bool from_logits = false;
  double label_smoothing = 0.0;
};
LossFunction CategoricalCrossentropy(CrossentropyOptions options = {});
LossFunction SparseCategoricalCrossentropy(CrossentropyOptions options = {});
LossFunction BinaryCrossentropy(CrossentropyOptions options = {});
LossFunction MeanSquaredError();
LossFunction MeanAbsoluteError();
LossFunction Huber(double delta = 1.0);

}  // namespace tutti
