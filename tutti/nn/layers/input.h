// The layer behind Input(): it has no inputs, its value is fed.
#pragma once

#include "tutti/nn/layer.h"

namespace tutti {

class InputLayer : public Layer {
 public:
  // With -1 for the batch.
  explicit InputLayer(Shape shape) : shape_(std::move(shape)) { built = true; }
  std::string class_name() const override { return "InputLayer"; }
  Json config() const override;
  Shape output_shape(std::span<const Shape>) const override { return shape_; }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override;
  const Shape& shape() const { return shape_; }

 private:
  Shape shape_;
};

}  // namespace tutti
