// ReLU, LeakyReLU, ELU, Softmax as layers of their own, and Rescaling.
#include "tutti/nn/layers.h"
#include "tutti/nn/layers/factories.h"
#include "tutti/nn/layers/geometry.h"

namespace tutti {
namespace {

class ElementwiseLayer : public Layer {
 public:
  Shape output_shape(std::span<const Shape> inputs) const override { return only_input(label_of(*this), inputs); }
};

// f(x) = max_value if x >= max_value, x if threshold <= x < max_value, negative_slope (x - threshold) otherwise.
class ReLULayer : public ElementwiseLayer {
 public:
  explicit ReLULayer(ReLUOptions options) : options_(std::move(options)) {
    name = options_.name;
    if (options_.max_value && *options_.max_value < 0)
      fail("ReLU", "max_value must not be negative. Got {}.", *options_.max_value);
    if (options_.negative_slope < 0) fail("ReLU", "negative_slope must not be negative. Got {}.", options_.negative_slope);
    if (options_.threshold != 0) fail("ReLU", "a threshold other than 0 is not supported. Got {}.", options_.threshold);
  }
  std::string class_name() const override { return "ReLU"; }
  Json config() const override {
    return {{"max_value", options_.max_value ? Json(*options_.max_value) : Json(nullptr)},
            {"negative_slope", options_.negative_slope},
            {"threshold", options_.threshold}};
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    Graph& graph = context.graph();
    using Kind = op::ActivationKind;
    if (options_.max_value == 6.0 && options_.negative_slope == 0.0)
      return graph.add1(op::Activation{Kind::kRelu6}, {inputs[0]});
    const ValueId y = options_.negative_slope == 0.0
                          ? graph.add1(op::Activation{Kind::kRelu}, {inputs[0]})
                          : graph.add1(op::Activation{Kind::kLeakyRelu, options_.negative_slope}, {inputs[0]});
    if (!options_.max_value) return y;
    // min(y, m) = m - relu(m - y), which has a gradient.
    const ValueId below = graph.add1(op::Affine{-1.0, *options_.max_value}, {y});
    return graph.add1(op::Affine{-1.0, *options_.max_value}, {graph.add1(op::Activation{Kind::kRelu}, {below})});
  }

 private:
  ReLUOptions options_;
};

// One op with a parameter: LeakyReLU, ELU.
class ParametrisedActivation : public ElementwiseLayer {
 public:
  ParametrisedActivation(std::string class_name, const char* key, op::ActivationKind kind, double alpha)
      : class_name_(std::move(class_name)), key_(key), kind_(kind), alpha_(alpha) {
    if (!(alpha >= 0)) fail(class_name_, "{} must not be negative. Got {}.", key, alpha);
  }
  std::string class_name() const override { return class_name_; }
  Json config() const override { return {{key_, alpha_}}; }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    return context.graph().add1(op::Activation{kind_, alpha_}, {inputs[0]});
  }

 private:
  std::string class_name_;
  const char* key_;
  op::ActivationKind kind_;
  double alpha_;
};

class SoftmaxLayer : public ElementwiseLayer {
 public:
  std::string class_name() const override { return "Softmax"; }
  Json config() const override { return {{"axis", -1}}; }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    return context.graph().add1(op::Softmax{}, {inputs[0]});
  }
};

class RescalingLayer : public ElementwiseLayer {
 public:
  RescalingLayer(double scale, double offset) : scale_(scale), offset_(offset) {}
  std::string class_name() const override { return "Rescaling"; }
  Json config() const override { return {{"scale", scale_}, {"offset", offset_}}; }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    return context.graph().add1(op::Affine{scale_, offset_}, {inputs[0]});
  }

 private:
  double scale_, offset_;
};

LayerPtr make_leaky_relu(double slope) {
  return std::make_shared<ParametrisedActivation>("LeakyReLU", "negative_slope", op::ActivationKind::kLeakyRelu, slope);
}
LayerPtr make_elu(double alpha) {
  return std::make_shared<ParametrisedActivation>("ELU", "alpha", op::ActivationKind::kElu, alpha);
}

}  // namespace

LayerHandle ReLU(ReLUOptions options) { return LayerPtr(std::make_shared<ReLULayer>(std::move(options))); }
LayerHandle LeakyReLU(double negative_slope, NameOption options) {
  return named(make_leaky_relu(negative_slope), std::move(options));
}
LayerHandle ELU(double alpha, NameOption options) { return named(make_elu(alpha), std::move(options)); }
LayerHandle Softmax(NameOption options) { return named(std::make_shared<SoftmaxLayer>(), std::move(options)); }
LayerHandle Rescaling(double scale, double offset, NameOption options) {
  return named(std::make_shared<RescalingLayer>(scale, offset), std::move(options));
}

LayerPtr relu_from_config(ConfigReader& reader) {
  ReLUOptions options;
  if (reader.find("max_value")) options.max_value = reader.number("max_value", 0.0);
  options.negative_slope = reader.number("negative_slope", 0.0);
  options.threshold = reader.number("threshold", 0.0);
  return std::make_shared<ReLULayer>(std::move(options));
}

LayerPtr leaky_relu_from_config(ConfigReader& reader) {
  return make_leaky_relu(reader.number(reader.has("alpha") ? "alpha" : "negative_slope", 0.3));  // Keras 1 and 2: alpha
}

LayerPtr elu_from_config(ConfigReader& reader) { return make_elu(reader.number("alpha", 1.0)); }

LayerPtr softmax_from_config(ConfigReader& reader) {
  if (const int axis = reader.axis("axis", -1); axis != -1) reader.refuse("only axis -1 is supported. Got {}.", axis);
  return std::make_shared<SoftmaxLayer>();
}

LayerPtr rescaling_from_config(ConfigReader& reader) {
  return std::make_shared<RescalingLayer>(reader.number("scale", 1.0), reader.number("offset", 0.0));
}

}  // namespace tutti
