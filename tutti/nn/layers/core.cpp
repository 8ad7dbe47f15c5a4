// Dense, Activation, Flatten, Reshape, Permute.
#include "tutti/nn/layers.h"
#include "tutti/nn/layers/activations.h"
#include "tutti/nn/layers/factories.h"
#include "tutti/nn/layers/geometry.h"
#include "tutti/nn/layers/penalty.h"

namespace tutti {
namespace {

class DenseLayer : public Layer {
 public:
  DenseLayer(int units, DenseOptions options) : units_(units), options_(std::move(options)) {
    name = options_.name;
    if (units < 1) fail("Dense", "units must be positive. Got {}.", units);
    check_activation("Dense", options_.activation);
  }
  std::string class_name() const override { return "Dense"; }
  Json config() const override {
    return {{"units", units_},
            {"activation", canonical_activation(options_.activation)},
            {"use_bias", options_.use_bias},
            {"kernel_initializer", options_.kernel_initializer.config()},
            {"bias_initializer", options_.bias_initializer.config()},
            {"kernel_regularizer", options_.kernel_regularizer.config()},
            {"bias_regularizer", options_.bias_regularizer.config()},
            {"activity_regularizer", options_.activity_regularizer.config()},
            {"kernel_constraint", nullptr},
            {"bias_constraint", nullptr}};
  }
  Shape output_shape(std::span<const Shape> inputs) const override {
    Shape shape = only_input(label_of(*this), inputs);
    if (shape.rank() < 2 || shape[-1] < 1)
      fail(label_of(*this), "expected (batch, ..., features). Got shape {}.", to_string(shape));
    shape[-1] = units_;
    return shape;
  }
  void build(std::span<const Shape> inputs) override {
    weights_.push_back({"kernel", {inputs[0][-1], units_}, options_.kernel_initializer, options_.kernel_regularizer});
    if (options_.use_bias) weights_.push_back({"bias", {units_}, options_.bias_initializer, options_.bias_regularizer});
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    Graph& graph = context.graph();
    Shape shape = graph.shape(inputs[0]);
    ValueId x = inputs[0];
    if (shape.rank() != 2) x = graph.add1(op::Reshape{{shape.elements() / shape[-1], shape[-1]}}, {x});
    std::vector<ValueId> arguments{x, context.weight(0)};
    if (options_.use_bias) arguments.push_back(context.weight(1));
    ValueId y = graph.add1(op::MatMul{}, std::move(arguments));
    shape[-1] = units_;
    if (shape.rank() != 2) y = graph.add1(op::Reshape{shape}, {y});
    y = apply_activation(graph, options_.activation, y);
    add_activity_penalty(context, y, options_.activity_regularizer);
    return y;
  }

 private:
  int units_;
  DenseOptions options_;
};

class ActivationLayer : public Layer {
 public:
  explicit ActivationLayer(std::string activation) : activation_(canonical_activation(activation)) {
    check_activation("Activation", activation_);
  }
  std::string class_name() const override { return "Activation"; }
  Json config() const override { return {{"activation", activation_}}; }
  Shape output_shape(std::span<const Shape> inputs) const override { return only_input(label_of(*this), inputs); }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    return apply_activation(context.graph(), activation_, inputs[0]);
  }

 private:
  std::string activation_;
};

// The product of all extents but the batch's; Error while one is unknown.
std::int64_t features_of(std::string_view layer, const Shape& shape) {
  std::int64_t product = 1;
  for (int axis = 1; axis < shape.rank(); ++axis) {
    if (shape[axis] < 0) fail(layer, "needs a known shape. Got {}.", to_string(shape));
    product *= shape[axis];
  }
  return product;
}

class FlattenLayer : public Layer {
 public:
  std::string class_name() const override { return "Flatten"; }
  Json config() const override { return {{"data_format", "channels_last"}}; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(label_of(*this), inputs);
    return {input.rank() > 0 ? input[0] : -1, features_of(label_of(*this), input)};
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    const Shape shape = context.graph().shape(inputs[0]);
    return context.graph().add1(op::Reshape{{shape[0], shape.elements() / shape[0]}}, {inputs[0]});
  }
};

class ReshapeLayer : public Layer {
 public:
  explicit ReshapeLayer(Shape target) : target_(std::move(target)) {
    int unknown = 0;
    for (const std::int64_t extent : target_) {
      if (extent < -1 || extent == 0) fail("Reshape", "extents must be positive, or -1 once. Got {}.", to_string(target_));
      unknown += extent == -1;
    }
    if (unknown > 1) fail("Reshape", "at most one extent may be -1. Got {}.", to_string(target_));
  }
  std::string class_name() const override { return "Reshape"; }
  Json config() const override { return {{"target_shape", target_.extents()}}; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(label_of(*this), inputs);
    const std::int64_t features = features_of(label_of(*this), input);
    // The products stop at `features`, so that they cannot overflow.
    std::int64_t known = 1;
    bool fits = true, inferred = false;
    for (const std::int64_t extent : target_) {
      inferred |= extent == -1;
      if (extent == -1) continue;
      fits = fits && extent <= features / known;
      if (fits) known *= extent;
    }
    if (!fits || (inferred ? features % known != 0 : features != known))
      fail(label_of(*this), "cannot reshape {} to {}.", to_string(input), to_string(target_));
    std::vector<std::int64_t> extents{input[0]};
    for (const std::int64_t extent : target_) extents.push_back(extent == -1 ? features / known : extent);
    return Shape(extents);
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    const Shape input = context.graph().shape(inputs[0]);
    return context.graph().add1(op::Reshape{output_shape(std::span(&input, 1))}, {inputs[0]});
  }

 private:
  Shape target_;
};

class PermuteLayer : public Layer {
 public:
  explicit PermuteLayer(std::vector<int> dims) : dims_(std::move(dims)) {
    std::vector<int> sorted = dims_;
    std::ranges::sort(sorted);
    for (std::size_t i = 0; i < sorted.size(); ++i)
      if (sorted[i] != static_cast<int>(i) + 1) fail("Permute", "dims must be a permutation of 1 to {}.", sorted.size());
  }
  std::string class_name() const override { return "Permute"; }
  Json config() const override { return {{"dims", dims_}}; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(label_of(*this), inputs);
    if (input.rank() != static_cast<int>(dims_.size()) + 1)
      fail(label_of(*this), "{} dims do not fit shape {}.", dims_.size(), to_string(input));
    std::vector<std::int64_t> extents{input[0]};
    for (const int dim : dims_) extents.push_back(input[dim]);
    return Shape(extents);
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    std::vector<int> permutation{0};
    permutation.insert(permutation.end(), dims_.begin(), dims_.end());
    return context.graph().add1(op::Transpose{permutation}, {inputs[0]});
  }

 private:
  std::vector<int> dims_;
};

}  // namespace

LayerHandle Dense(int units, DenseOptions options) { return LayerPtr(std::make_shared<DenseLayer>(units, std::move(options))); }
LayerHandle Activation(std::string activation, NameOption options) {
  return named(std::make_shared<ActivationLayer>(std::move(activation)), std::move(options));
}
LayerHandle Flatten(NameOption options) { return named(std::make_shared<FlattenLayer>(), std::move(options)); }
LayerHandle Reshape(Shape target, NameOption options) {
  return named(std::make_shared<ReshapeLayer>(std::move(target)), std::move(options));
}
LayerHandle Permute(std::vector<int> dims, NameOption options) {
  return named(std::make_shared<PermuteLayer>(std::move(dims)), std::move(options));
}

LayerPtr dense_from_config(ConfigReader& reader) {
  DenseOptions options;
  options.activation = reader.activation();
  options.use_bias = reader.flag(reader.has("bias") ? "bias" : "use_bias", true);
  options.kernel_initializer = reader.initializer(reader.has("init") ? "init" : "kernel_initializer", "glorot_uniform");
  options.bias_initializer = reader.initializer("bias_initializer", "zeros");
  options.kernel_regularizer = reader.regularizer(reader.has("W_regularizer") ? "W_regularizer" : "kernel_regularizer");
  options.bias_regularizer = reader.regularizer(reader.has("b_regularizer") ? "b_regularizer" : "bias_regularizer");
  options.activity_regularizer = reader.regularizer("activity_regularizer");
  for (const char* key : {"kernel_constraint", "bias_constraint", "W_constraint", "b_constraint"}) reader.constraint(key);
  reader.find("input_dim");  // Keras 1
  return std::make_shared<DenseLayer>(static_cast<int>(reader.positive(reader.has("output_dim") ? "output_dim" : "units")),
                                      std::move(options));
}

LayerPtr activation_from_config(ConfigReader& reader) { return std::make_shared<ActivationLayer>(reader.activation()); }

LayerPtr flatten_from_config(ConfigReader& reader) {
  reader.channels_last();
  return std::make_shared<FlattenLayer>();
}

LayerPtr reshape_from_config(ConfigReader& reader) {
  return std::make_shared<ReshapeLayer>(Shape(reader.integers("target_shape")));
}

LayerPtr permute_from_config(ConfigReader& reader) {
  const std::vector<std::int64_t> dims = reader.integers("dims");
  return std::make_shared<PermuteLayer>(std::vector<int>(dims.begin(), dims.end()));
}

}  // namespace tutti
