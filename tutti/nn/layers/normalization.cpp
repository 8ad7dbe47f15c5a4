// BatchNormalization, LayerNormalization.
#include <numeric>

#include "tutti/nn/layers.h"
#include "tutti/nn/layers/factories.h"
#include "tutti/nn/layers/geometry.h"

namespace tutti {
namespace {

// gamma and beta of a normalisation, or constants where the layer has none.
struct ScaleAndShift {
  ValueId gamma, beta;
  int used;  // weights
};

ScaleAndShift scale_and_shift(LayerContext& context, bool scale, bool center, std::int64_t channels, DType dtype) {
  const auto constant = [&](double value) { return context.graph().add1(op::Fill{{dtype, {channels}}, value}, {}); };
  int next = 0;
  const ValueId gamma = scale ? context.weight(next++) : constant(1.0);
  const ValueId beta = center ? context.weight(next++) : constant(0.0);
  return {gamma, beta, next};
}

class BatchNormalizationLayer : public Layer {
 public:
  explicit BatchNormalizationLayer(BatchNormalizationOptions options) : options_(std::move(options)) {
    name = options_.name;
    if (!(options_.epsilon > 0)) fail("BatchNormalization", "epsilon must be positive. Got {}.", options_.epsilon);
  }
  std::string class_name() const override { return "BatchNormalization"; }
  Json config() const override {
    return {{"axis", options_.axis},
            {"momentum", options_.momentum},
            {"epsilon", options_.epsilon},
            {"center", options_.center},
            {"scale", options_.scale},
            {"beta_initializer", options_.beta_initializer.config()},
            {"gamma_initializer", options_.gamma_initializer.config()},
            {"moving_mean_initializer", options_.moving_mean_initializer.config()},
            {"moving_variance_initializer", options_.moving_variance_initializer.config()},
            {"beta_regularizer", options_.beta_regularizer.config()},
            {"gamma_regularizer", options_.gamma_regularizer.config()},
            {"beta_constraint", nullptr},
            {"gamma_constraint", nullptr},
            {"synchronized", false}};
  }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(label_of(*this), inputs);
    if (input.rank() < 2 || axis_in(input) < 1 || axis_in(input) >= input.rank() || input[axis_in(input)] < 1)
      fail(label_of(*this), "axis {} does not fit shape {}.", options_.axis, to_string(input));
    return input;
  }
  void build(std::span<const Shape> inputs) override {
    const Shape channels{inputs[0][axis_in(inputs[0])]};
    if (options_.scale) weights_.push_back({"gamma", channels, options_.gamma_initializer, options_.gamma_regularizer});
    if (options_.center) weights_.push_back({"beta", channels, options_.beta_initializer, options_.beta_regularizer});
    weights_.push_back({"moving_mean", channels, options_.moving_mean_initializer, {}, true});
    weights_.push_back({"moving_variance", channels, options_.moving_variance_initializer, {}, true});
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    Graph& graph = context.graph();
    const Shape shape = graph.shape(inputs[0]);
    const std::vector<int> to_last = swap_with_last(shape);
    const bool moved = axis_in(shape) != shape.rank() - 1;
    const ValueId x = moved ? graph.add1(op::Transpose{to_last}, {inputs[0]}) : inputs[0];
    const ValueId y = normalize(context, x);
    return moved ? graph.add1(op::Transpose{to_last}, {y}) : y;
  }

 private:
  int axis_in(const Shape& shape) const { return options_.axis < 0 ? options_.axis + shape.rank() : options_.axis; }
  // Its own inverse.
  std::vector<int> swap_with_last(const Shape& shape) const {
    std::vector<int> permutation(static_cast<std::size_t>(shape.rank()));
    std::iota(permutation.begin(), permutation.end(), 0);
    std::swap(permutation[static_cast<std::size_t>(axis_in(shape))], permutation.back());
    return permutation;
  }
  ValueId normalize(LayerContext& context, ValueId x) const {
    Graph& graph = context.graph();
    const auto [gamma, beta, first] =
        scale_and_shift(context, options_.scale, options_.center, graph.shape(x)[-1], graph.type(x).dtype);
    const ValueId moving_mean = context.weight(first), moving_variance = context.weight(first + 1);
    if (!context.training() || !trainable)
      return graph.add1(op::BatchNormInference{options_.epsilon}, {x, gamma, beta, moving_mean, moving_variance});
    const std::vector<ValueId> outputs = graph.add(op::BatchNorm{options_.epsilon}, {x, gamma, beta});
    const op::Axpby average{options_.momentum, 1.0 - options_.momentum};
    context.update_weight(first, graph.add1(average, {moving_mean, outputs[1]}));
    context.update_weight(first + 1, graph.add1(average, {moving_variance, outputs[2]}));
    return outputs[0];
  }

  BatchNormalizationOptions options_;
};

class LayerNormalizationLayer : public Layer {
 public:
  // TensorFlow writes the last axis from the front once the layer is built, so that only the input's rank tells.
  explicit LayerNormalizationLayer(LayerNormalizationOptions options, int axis = -1)
      : options_(std::move(options)), axis_(axis) {
    name = options_.name;
    if (!(options_.epsilon > 0)) fail("LayerNormalization", "epsilon must be positive. Got {}.", options_.epsilon);
  }
  std::string class_name() const override { return "LayerNormalization"; }
  Json config() const override {
    return {{"axis", -1},
            {"epsilon", options_.epsilon},
            {"center", options_.center},
            {"scale", options_.scale},
            {"beta_initializer", options_.beta_initializer.config()},
            {"gamma_initializer", options_.gamma_initializer.config()},
            {"beta_regularizer", options_.beta_regularizer.config()},
            {"gamma_regularizer", options_.gamma_regularizer.config()},
            {"beta_constraint", nullptr},
            {"gamma_constraint", nullptr}};
  }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(label_of(*this), inputs);
    if (input.rank() < 2 || input[-1] < 1)
      fail(label_of(*this), "expected (batch, ..., features). Got shape {}.", to_string(input));
    if (axis_ != -1 && axis_ != input.rank() - 1)
      fail(label_of(*this), "only the last axis is supported. Got axis {} of shape {}.", axis_, to_string(input));
    return input;
  }
  void build(std::span<const Shape> inputs) override {
    const Shape features{inputs[0][-1]};
    if (options_.scale) weights_.push_back({"gamma", features, options_.gamma_initializer, options_.gamma_regularizer});
    if (options_.center) weights_.push_back({"beta", features, options_.beta_initializer, options_.beta_regularizer});
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    Graph& graph = context.graph();
    const TensorType type = graph.type(inputs[0]);
    const ScaleAndShift weights = scale_and_shift(context, options_.scale, options_.center, type.shape[-1], type.dtype);
    return graph.add1(op::LayerNorm{options_.epsilon}, {inputs[0], weights.gamma, weights.beta});
  }

 private:
  LayerNormalizationOptions options_;
  int axis_;
};

}  // namespace

LayerHandle BatchNormalization(BatchNormalizationOptions options) {
  return LayerPtr(std::make_shared<BatchNormalizationLayer>(std::move(options)));
}
LayerHandle LayerNormalization(LayerNormalizationOptions options) {
  return LayerPtr(std::make_shared<LayerNormalizationLayer>(std::move(options)));
}

LayerPtr batch_normalization_from_config(ConfigReader& reader) {
  BatchNormalizationOptions options;
  options.axis = reader.axis("axis", -1);
  options.momentum = reader.number("momentum", 0.99);
  options.epsilon = reader.number("epsilon", 1e-3);
  options.center = reader.flag("center", true);
  options.scale = reader.flag("scale", true);
  options.beta_initializer = reader.initializer("beta_initializer", "zeros");
  options.gamma_initializer = reader.initializer("gamma_initializer", "ones");
  options.moving_mean_initializer = reader.initializer("moving_mean_initializer", "zeros");
  options.moving_variance_initializer = reader.initializer("moving_variance_initializer", "ones");
  options.beta_regularizer = reader.regularizer("beta_regularizer");
  options.gamma_regularizer = reader.regularizer("gamma_regularizer");
  for (const char* key : {"beta_constraint", "gamma_constraint"}) reader.constraint(key);
  for (const char* key : {"synchronized", "renorm", "virtual_batch_size"})
    if (const Json* value = reader.find(key); value && *value != false) reader.refuse("{} is not supported.", key);
  for (const char* key : {"renorm_momentum", "renorm_clipping"}) reader.find(key);  // of no effect without renorm
  if (reader.integer("mode", 0) != 0) reader.refuse("mode {} of Keras 1 is not supported.", reader.integer("mode", 0));
  return std::make_shared<BatchNormalizationLayer>(std::move(options));
}

LayerPtr layer_normalization_from_config(ConfigReader& reader) {
  LayerNormalizationOptions options;
  if (reader.flag("rms_scaling", false)) reader.refuse("rms_scaling is not supported.");
  options.epsilon = reader.number("epsilon", 1e-3);
  options.center = reader.flag("center", true);
  options.scale = reader.flag("scale", true);
  options.beta_initializer = reader.initializer("beta_initializer", "zeros");
  options.gamma_initializer = reader.initializer("gamma_initializer", "ones");
  options.beta_regularizer = reader.regularizer("beta_regularizer");
  options.gamma_regularizer = reader.regularizer("gamma_regularizer");
  for (const char* key : {"beta_constraint", "gamma_constraint"}) reader.constraint(key);
  return std::make_shared<LayerNormalizationLayer>(std::move(options), reader.axis("axis", -1));
}

}  // namespace tutti
