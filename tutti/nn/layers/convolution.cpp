// Conv2D, DepthwiseConv2D, SeparableConv2D.
#include "tutti/nn/layers.h"
#include "tutti/nn/layers/activations.h"
#include "tutti/nn/layers/factories.h"
#include "tutti/nn/layers/geometry.h"
#include "tutti/nn/layers/penalty.h"

namespace tutti {
namespace {

// What the three have in common. Options: Conv2DOptions and its like.
template <class Options>
class ConvolutionLayer : public Layer {
 public:
  std::string class_name() const final { return class_name_; }

 protected:
  ConvolutionLayer(const char* class_name, std::array<int, 2> kernel_size, Options options)
      : class_name_(class_name),
        options_(std::move(options)),
        window_{kernel_size, options_.strides, options_.dilation_rate, options_.padding == "same"} {
    name = options_.name;
    check_window(class_name, window_, options_.padding);
    check_activation(class_name, options_.activation);
  }

  // The keys of one, and those of all three.
  Json config_with(Json config) const {
    config.update(Json{{"kernel_size", window_.size},
                       {"strides", window_.strides},
                       {"padding", options_.padding},
                       {"data_format", "channels_last"},
                       {"dilation_rate", window_.dilations},
                       {"activation", canonical_activation(options_.activation)},
                       {"use_bias", options_.use_bias},
                       {"bias_initializer", options_.bias_initializer.config()},
                       {"bias_regularizer", options_.bias_regularizer.config()},
                       {"activity_regularizer", options_.activity_regularizer.config()},
                       {"bias_constraint", nullptr}});
    return config;
  }
  void add_bias(std::int64_t filters) {
    if (options_.use_bias) weights_.push_back({"bias", {filters}, options_.bias_initializer, options_.bias_regularizer});
  }
  // The bias is the weight after the kernels.
  void append_bias(LayerContext& context, std::vector<ValueId>& arguments, int kernels) const {
    if (options_.use_bias) arguments.push_back(context.weight(kernels));
  }
  op::ConvAttributes attributes(const Shape& input, int groups) const {
    return {window_.strides, window_.dilations, window_padding(window_, input[1], input[2]), groups};
  }
  // (n, h, w, c) -> (n, o_h, o_w, c * multiplier). Keras's kernel (k_h, k_w, c, multiplier) has the memory layout of a grouped
  // kernel (k_h, k_w, 1, c * multiplier). arguments: x, kernel, and a bias if there is one.
  ValueId depthwise(LayerContext& context, std::vector<ValueId> arguments) const {
    Graph& graph = context.graph();
    const Shape input = graph.shape(arguments[0]), kernel = graph.shape(arguments[1]);
    arguments[1] = graph.add1(op::Reshape{{kernel[0], kernel[1], 1, kernel[2] * kernel[3]}}, {arguments[1]});
    return graph.add1(op::Conv2D{attributes(input, static_cast<int>(input[3]))}, std::move(arguments));
  }
  // Activation and its penalty.
  ValueId finish(LayerContext& context, ValueId y) const {
    y = apply_activation(context.graph(), options_.activation, y);
    add_activity_penalty(context, y, options_.activity_regularizer);
    return y;
  }

  const char* class_name_;
  Options options_;
  Window window_;
};

class Conv2DLayer : public ConvolutionLayer<Conv2DOptions> {
 public:
  Conv2DLayer(int filters, std::array<int, 2> kernel_size, Conv2DOptions options)
      : ConvolutionLayer("Conv2D", kernel_size, std::move(options)), filters_(filters) {
    if (filters < 1 || options_.groups < 1 || filters % options_.groups != 0)
      fail("Conv2D", "filters must be positive and a multiple of groups. Got {} filters, {} groups.", filters, options_.groups);
  }
  Json config() const override {
    return config_with({{"filters", filters_},
                        {"groups", options_.groups},
                        {"kernel_initializer", options_.kernel_initializer.config()},
                        {"kernel_regularizer", options_.kernel_regularizer.config()},
                        {"kernel_constraint", nullptr}});
  }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(label_of(*this), inputs);
    const Shape output = window_output_shape(label_of(*this), window_, input, filters_);
    if (input[3] < 1 || input[3] % options_.groups != 0)
      fail(label_of(*this), "{} input channels do not divide into {} groups.", input[3], options_.groups);
    return output;
  }
  void build(std::span<const Shape> inputs) override {
    weights_.push_back({"kernel",
                        {window_.size[0], window_.size[1], inputs[0][3] / options_.groups, filters_},
                        options_.kernel_initializer,
                        options_.kernel_regularizer});
    add_bias(filters_);
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    std::vector<ValueId> arguments{inputs[0], context.weight(0)};
    append_bias(context, arguments, 1);
    const op::Conv2D conv{attributes(context.graph().shape(inputs[0]), options_.groups)};
    return finish(context, context.graph().add1(conv, std::move(arguments)));
  }

 private:
  int filters_;
};

class DepthwiseConv2DLayer : public ConvolutionLayer<DepthwiseConv2DOptions> {
 public:
  DepthwiseConv2DLayer(std::array<int, 2> kernel_size, DepthwiseConv2DOptions options)
      : ConvolutionLayer("DepthwiseConv2D", kernel_size, std::move(options)) {
    if (options_.depth_multiplier < 1)
      fail("DepthwiseConv2D", "depth_multiplier must be positive. Got {}.", options_.depth_multiplier);
  }
  Json config() const override {
    return config_with({{"depth_multiplier", options_.depth_multiplier},
                        {"depthwise_initializer", options_.depthwise_initializer.config()},
                        {"depthwise_regularizer", options_.depthwise_regularizer.config()},
                        {"depthwise_constraint", nullptr}});
  }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(label_of(*this), inputs);
    return window_output_shape(label_of(*this), window_, input, input[-1] * options_.depth_multiplier);
  }
  void build(std::span<const Shape> inputs) override {
    const std::int64_t channels = inputs[0][3];
    weights_.push_back({"kernel",
                        {window_.size[0], window_.size[1], channels, options_.depth_multiplier},
                        options_.depthwise_initializer,
                        options_.depthwise_regularizer});
    add_bias(channels * options_.depth_multiplier);
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    std::vector<ValueId> arguments{inputs[0], context.weight(0)};
    append_bias(context, arguments, 1);
    return finish(context, depthwise(context, std::move(arguments)));
  }
};

class SeparableConv2DLayer : public ConvolutionLayer<SeparableConv2DOptions> {
 public:
  SeparableConv2DLayer(int filters, std::array<int, 2> kernel_size, SeparableConv2DOptions options)
      : ConvolutionLayer("SeparableConv2D", kernel_size, std::move(options)), filters_(filters) {
    if (filters < 1 || options_.depth_multiplier < 1)
      fail("SeparableConv2D", "filters and depth_multiplier must be positive. Got {} and {}.", filters,
           options_.depth_multiplier);
  }
  Json config() const override {
    return config_with({{"filters", filters_},
                        {"depth_multiplier", options_.depth_multiplier},
                        {"depthwise_initializer", options_.depthwise_initializer.config()},
                        {"pointwise_initializer", options_.pointwise_initializer.config()},
                        {"depthwise_regularizer", options_.depthwise_regularizer.config()},
                        {"pointwise_regularizer", options_.pointwise_regularizer.config()},
                        {"depthwise_constraint", nullptr},
                        {"pointwise_constraint", nullptr}});
  }
  Shape output_shape(std::span<const Shape> inputs) const override {
    return window_output_shape(label_of(*this), window_, only_input(label_of(*this), inputs), filters_);
  }
  void build(std::span<const Shape> inputs) override {
    const std::int64_t channels = inputs[0][3];
    weights_.push_back({"depthwise_kernel",
                        {window_.size[0], window_.size[1], channels, options_.depth_multiplier},
                        options_.depthwise_initializer,
                        options_.depthwise_regularizer});
    weights_.push_back({"pointwise_kernel",
                        {1, 1, channels * options_.depth_multiplier, filters_},
                        options_.pointwise_initializer,
                        options_.pointwise_regularizer});
    add_bias(filters_);
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    std::vector<ValueId> arguments{depthwise(context, {inputs[0], context.weight(0)}), context.weight(1)};
    append_bias(context, arguments, 2);
    return finish(context, context.graph().add1(op::Conv2D{}, std::move(arguments)));
  }

 private:
  int filters_;
};

// What the three read alike.
template <class Options>
void read_common(ConfigReader& reader, Options& options) {
  reader.channels_last();
  options.strides = reader.pair(reader.has("subsample") ? "subsample" : "strides", {1, 1});
  options.padding = reader.padding();
  options.dilation_rate = reader.pair("dilation_rate", {1, 1});
  options.activation = reader.activation();
  options.use_bias = reader.flag(reader.has("bias") ? "bias" : "use_bias", true);
  options.bias_initializer = reader.initializer("bias_initializer", "zeros");
  options.bias_regularizer = reader.regularizer(reader.has("b_regularizer") ? "b_regularizer" : "bias_regularizer");
  options.activity_regularizer = reader.regularizer("activity_regularizer");
  for (const char* key : {"kernel_constraint", "bias_constraint", "depthwise_constraint", "pointwise_constraint"})
    reader.constraint(key);
}

}  // namespace

LayerHandle Conv2D(int filters, std::array<int, 2> kernel_size, Conv2DOptions options) {
  return LayerPtr(std::make_shared<Conv2DLayer>(filters, kernel_size, std::move(options)));
}
LayerHandle DepthwiseConv2D(std::array<int, 2> kernel_size, DepthwiseConv2DOptions options) {
  return LayerPtr(std::make_shared<DepthwiseConv2DLayer>(kernel_size, std::move(options)));
}
LayerHandle SeparableConv2D(int filters, std::array<int, 2> kernel_size, SeparableConv2DOptions options) {
  return LayerPtr(std::make_shared<SeparableConv2DLayer>(filters, kernel_size, std::move(options)));
}

LayerPtr conv2d_from_config(ConfigReader& reader) {
  Conv2DOptions options;
  read_common(reader, options);
  options.groups = static_cast<int>(reader.integer("groups", 1));
  options.kernel_initializer = reader.initializer(reader.has("init") ? "init" : "kernel_initializer", "glorot_uniform");
  options.kernel_regularizer = reader.regularizer(reader.has("W_regularizer") ? "W_regularizer" : "kernel_regularizer");
  if (reader.has("nb_filter")) {  // Keras 1
    const int filters = static_cast<int>(reader.positive("nb_filter"));
    const std::array<int, 2> size{static_cast<int>(reader.positive("nb_row")), static_cast<int>(reader.positive("nb_col"))};
    for (const char* key : {"W_constraint", "b_constraint"}) reader.constraint(key);
    return std::make_shared<Conv2DLayer>(filters, size, std::move(options));
  }
  const int filters = static_cast<int>(reader.positive("filters"));
  return std::make_shared<Conv2DLayer>(filters, reader.pair("kernel_size", {0, 0}), std::move(options));
}

LayerPtr depthwise_conv2d_from_config(ConfigReader& reader) {
  DepthwiseConv2DOptions options;
  read_common(reader, options);
  options.depth_multiplier = static_cast<int>(reader.integer("depth_multiplier", 1));
  options.depthwise_initializer = reader.initializer("depthwise_initializer", "glorot_uniform");
  options.depthwise_regularizer = reader.regularizer("depthwise_regularizer");
  // Keras 2 files repeat Conv2D's keys, unused there.
  for (const char* key : {"filters", "groups", "kernel_initializer", "kernel_regularizer"}) reader.find(key);
  return std::make_shared<DepthwiseConv2DLayer>(reader.pair("kernel_size", {0, 0}), std::move(options));
}

LayerPtr separable_conv2d_from_config(ConfigReader& reader) {
  SeparableConv2DOptions options;
  read_common(reader, options);
  options.depth_multiplier = static_cast<int>(reader.integer("depth_multiplier", 1));
  options.depthwise_initializer = reader.initializer("depthwise_initializer", "glorot_uniform");
  options.pointwise_initializer = reader.initializer("pointwise_initializer", "glorot_uniform");
  options.depthwise_regularizer = reader.regularizer("depthwise_regularizer");
  options.pointwise_regularizer = reader.regularizer("pointwise_regularizer");
  for (const char* key : {"groups", "kernel_initializer", "kernel_regularizer"}) reader.find(key);
  const int filters = static_cast<int>(reader.positive("filters"));
  return std::make_shared<SeparableConv2DLayer>(filters, reader.pair("kernel_size", {0, 0}), std::move(options));
}

}  // namespace tutti
