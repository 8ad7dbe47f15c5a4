// What a layer is: a configuration, weights, and how it writes itself into a graph.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tutti/graph/graph.h"
#include "tutti/nn/initializers.h"
#include "tutti/nn/json.h"
#include "tutti/nn/regularizers.h"

namespace tutti {

struct Weight {
  std::string name;  // within its layer: "kernel", "moving_mean"
  Shape shape;
  Initializer initializer = "zeros";
  Regularizer regularizer = {};
  bool is_statistic = false;  // never trained: moving averages
  Tensor value = {};          // float32; empty until initialised
};

// Where a layer writes its part of a graph.
class LayerContext {
 public:
  virtual ~LayerContext() = default;
  virtual Graph& graph() = 0;
  // True while fitting: dropout drops, batch normalisation uses the batch.
  virtual bool training() const = 0;
  // The value of the current layer's weight i, before this step's update.
  virtual ValueId weight(int i) = 0;
  // What the weight (a statistic) will be after this step.
  virtual void update_weight(int i, ValueId value) = 0;
  // Adds a scalar to the loss (activity regularisation).
  virtual void add_loss(ValueId scalar) = 0;
  // For Dropout: the seed of the fit, this layer's stream, the step counter int64 ().
  virtual std::uint64_t seed() const = 0;
  virtual std::uint32_t stream() const = 0;
  virtual ValueId step() = 0;
};

class Layer {
 public:
  virtual ~Layer() = default;
  // Keras's class: "Conv2D".
  virtual std::string class_name() const = 0;
  // Keras 3's config keys in Keras's order, without "name", "trainable" and "dtype".
  virtual Json config() const = 0;
  // Extents of -1 (the batch) pass through. Error names the layer when the inputs do not fit.
  virtual Shape output_shape(std::span<const Shape> inputs) const = 0;
  // Appends to weights() in Keras's order. Called once, with output_shape's inputs.
  virtual void build(std::span<const Shape> /*inputs*/) {}
  virtual ValueId call(LayerContext& context, std::span<const ValueId> inputs) const = 0;

  std::string name;  // unique in a model; given by the model when empty
  // false freezes the weights; a frozen BatchNormalization runs in inference mode, as in Keras. compile() the model after a
  // change.
  bool trainable = true;
  std::vector<Weight>& weights() { return weights_; }
  const std::vector<Weight>& weights() const { return weights_; }
  bool built = false;

 protected:
  std::vector<Weight> weights_;
};
using LayerPtr = std::shared_ptr<Layer>;

// "Conv2D" -> "conv2d", "BatchNormalization" -> "batch_normalization": how Keras names layers.
std::string to_snake_case(std::string_view class_name);

// A layer from Keras's class name and config, of Keras 1, 2 or 3 (batch_input_shape and the like are ignored; unknown keys
// that change the meaning are refused). Sets name and trainable. Error for a class that tutti does not have, by name.
LayerPtr layer_from_config(std::string_view class_name, const Json& config);
// The classes that layer_from_config knows.
std::vector<std::string> layer_classes();

}  // namespace tutti
