// The optimizers' factories from Keras configs; private to nn/optimizers.
#pragma once

#include "tutti/nn/json_fields.h"
#include "tutti/nn/optimizer.h"

namespace tutti {

// Reads the "config" of an optimizer of Keras 1 to 3. Error for options that tutti does not have and that are on.
class OptimizerConfig {
 public:
  explicit OptimizerConfig(const Json& config) : fields_("optimizer", config) {}
  double number(const char* key, double fallback) const { return fields_.number(key, fallback); }
  bool flag(const char* key) const { return fields_.flag(key, false); }
  double learning_rate(double fallback) const;
  OptimizerCommon common() const;

 private:
  std::optional<double> optional_number(const char* key) const;

  JsonFields fields_;
};

Optimizer sgd_from_config(const OptimizerConfig& config);
Optimizer rmsprop_from_config(const OptimizerConfig& config);
Optimizer adam_from_config(const OptimizerConfig& config);
Optimizer adamw_from_config(const OptimizerConfig& config);
Optimizer nadam_from_config(const OptimizerConfig& config);
Optimizer adagrad_from_config(const OptimizerConfig& config);

}  // namespace tutti
