// MaxPooling2D, AveragePooling2D and the global forms, which are pooling with one window.
#include "tutti/nn/layers.h"
#include "tutti/nn/layers/factories.h"
#include "tutti/nn/layers/geometry.h"

namespace tutti {
namespace {

enum class Kind { kMax, kAverage };

ValueId pool(Graph& graph, Kind kind, const op::PoolAttributes& attributes, ValueId x) {
  if (kind == Kind::kMax) return graph.add1(op::MaxPool2D{attributes}, {x});
  return graph.add1(op::AveragePool2D{attributes}, {x});
}

class Pooling2DLayer : public Layer {
 public:
  Pooling2DLayer(Kind kind, std::array<int, 2> pool_size, const Pooling2DOptions& options)
      : kind_(kind),
        window_{pool_size,
                options.strides == std::array<int, 2>{0, 0} ? pool_size : options.strides,
                {1, 1},
                options.padding == "same"} {
    name = options.name;
    check_window(name_of_class(), window_, options.padding);
  }
  std::string class_name() const override { return name_of_class(); }
  Json config() const override {
    return {{"pool_size", window_.size},
            {"padding", window_.same ? "same" : "valid"},
            {"strides", window_.strides},
            {"data_format", "channels_last"}};
  }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(label_of(*this), inputs);
    return window_output_shape(label_of(*this), window_, input, input[-1]);
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    const Shape& input = context.graph().shape(inputs[0]);
    return pool(context.graph(), kind_, {window_.size, window_.strides, window_padding(window_, input[1], input[2])},
                inputs[0]);
  }

 private:
  const char* name_of_class() const { return kind_ == Kind::kMax ? "MaxPooling2D" : "AveragePooling2D"; }
  Kind kind_;
  Window window_;
};

class GlobalPooling2DLayer : public Layer {
 public:
  GlobalPooling2DLayer(Kind kind, const GlobalPooling2DOptions& options) : kind_(kind), keepdims_(options.keepdims) {
    name = options.name;
  }
  std::string class_name() const override { return kind_ == Kind::kMax ? "GlobalMaxPooling2D" : "GlobalAveragePooling2D"; }
  Json config() const override { return {{"data_format", "channels_last"}, {"keepdims", keepdims_}}; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(label_of(*this), inputs);
    if (input.rank() != 4)
      fail(label_of(*this), "expected images (batch, height, width, channels). Got shape {}.", to_string(input));
    return keepdims_ ? Shape{input[0], 1, 1, input[3]} : Shape{input[0], input[3]};
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    Graph& graph = context.graph();
    const Shape input = graph.shape(inputs[0]);
    const std::array<int, 2> whole{static_cast<int>(input[1]), static_cast<int>(input[2])};
    const ValueId y = pool(graph, kind_, {whole, whole, {}}, inputs[0]);
    return keepdims_ ? y : graph.add1(op::Reshape{{input[0], input[3]}}, {y});
  }

 private:
  Kind kind_;
  bool keepdims_;
};

}  // namespace

LayerHandle MaxPooling2D(std::array<int, 2> pool_size, Pooling2DOptions options) {
  return LayerPtr(std::make_shared<Pooling2DLayer>(Kind::kMax, pool_size, options));
}
LayerHandle AveragePooling2D(std::array<int, 2> pool_size, Pooling2DOptions options) {
  return LayerPtr(std::make_shared<Pooling2DLayer>(Kind::kAverage, pool_size, options));
}
LayerHandle GlobalAveragePooling2D(GlobalPooling2DOptions options) {
  return LayerPtr(std::make_shared<GlobalPooling2DLayer>(Kind::kAverage, options));
}
LayerHandle GlobalMaxPooling2D(GlobalPooling2DOptions options) {
  return LayerPtr(std::make_shared<GlobalPooling2DLayer>(Kind::kMax, options));
}

LayerPtr pooling2d_from_config(ConfigReader& reader) {
  reader.channels_last();
  const std::array<int, 2> size = reader.pair("pool_size", {2, 2});
  const Pooling2DOptions options{.strides = reader.pair("strides", size), .padding = reader.padding()};
  return std::make_shared<Pooling2DLayer>(reader.class_name() == "MaxPooling2D" ? Kind::kMax : Kind::kAverage, size, options);
}

LayerPtr global_pooling2d_from_config(ConfigReader& reader) {
  reader.channels_last();
  const GlobalPooling2DOptions options{.keepdims = reader.flag("keepdims", false)};
  return std::make_shared<GlobalPooling2DLayer>(reader.class_name() == "GlobalMaxPooling2D" ? Kind::kMax : Kind::kAverage,
                                                options);
}

}  // namespace tutti
