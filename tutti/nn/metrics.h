// Metrics, computed on the host from predictions and targets.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "tutti/nn/json.h"
#include "tutti/nn/losses.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

class Metric {
 public:
  virtual ~Metric() = default;
  // As it stands in logs: "accuracy".
  virtual std::string name() const = 0;
  virtual Json config() const = 0;
  virtual void reset() = 0;
  // prediction (n, ..., c) float32; target: class indices (n, ...) of any type, or values like the prediction. Error if it is
  // neither.
  virtual void update(const Tensor& prediction, const Tensor& target) = 0;
  virtual double result() const = 0;
  // What update() has summed up, and back.
  virtual std::array<double, 2> sums() const = 0;
  virtual void set_sums(std::array<double, 2> sums) = 0;
  // True if larger is better.
  virtual bool maximize() const { return true; }
};
using MetricPtr = std::shared_ptr<Metric>;

// By Keras's names ("accuracy" and "acc" are binary for one output, else categorical, as in Keras 3;
// "top_k_categorical_accuracy", "precision", "recall", "mean_absolute_error", loss names...). Error names the known ones.
MetricPtr make_metric(std::string_view name, const LossFunction& loss);
MetricPtr metric_from_config(const Json& config, const LossFunction& loss);

}  // namespace tutti
