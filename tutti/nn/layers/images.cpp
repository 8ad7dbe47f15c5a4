// ZeroPadding2D, Cropping2D, UpSampling2D.
#include "tutti/nn/json_fields.h"
#include "tutti/nn/layers.h"
#include "tutti/nn/layers/factories.h"
#include "tutti/nn/layers/geometry.h"

namespace tutti {
namespace {

using Border = std::array<int, 4>;  // top, bottom, left, right

const Shape& image_input(const std::string& label, std::span<const Shape> inputs) {
  const Shape& input = only_input(label, inputs);
  if (input.rank() != 4) fail(label, "expected images (batch, height, width, channels). Got shape {}.", to_string(input));
  return input;
}

Json border_config(const Border& border) { return {{border[0], border[1]}, {border[2], border[3]}}; }

// Keras: an int, (rows, columns), or ((top, bottom), (left, right)).
Border border_from_config(ConfigReader& reader, const char* key, Border fallback) {
  const Json* value = reader.find(key);
  if (!value) return fallback;
  const auto number = [&](const Json& item) {
    if (!item.is_number_integer() || item.get<std::int64_t>() < 0 || item.get<std::int64_t>() > 65536)
      reader.refuse("{} must be whole numbers from 0 to 65536. Got {}.", key, json_text(*value));
    return item.get<int>();
  };
  if (value->is_number()) return {number(*value), number(*value), number(*value), number(*value)};
  if (!value->is_array() || value->size() != 2) reader.refuse("{} must be one number or two. Got {}.", key, json_text(*value));
  Border border{};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const Json& item = (*value)[axis];
    if (item.is_array() && item.size() != 2) reader.refuse("{} must have pairs. Got {}.", key, json_text(*value));
    border[2 * axis] = number(item.is_array() ? item[0] : item);
    border[2 * axis + 1] = number(item.is_array() ? item[1] : item);
  }
  return border;
}

class ZeroPadding2DLayer : public Layer {
 public:
  explicit ZeroPadding2DLayer(Border padding) : padding_(padding) {
    if (std::ranges::any_of(padding, [](int extent) { return extent < 0; }))
      fail("ZeroPadding2D", "padding must not be negative.");
  }
  std::string class_name() const override { return "ZeroPadding2D"; }
  Json config() const override { return {{"padding", border_config(padding_)}, {"data_format", "channels_last"}}; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = image_input(label_of(*this), inputs);
    return {input[0], input[1] + padding_[0] + padding_[1], input[2] + padding_[2] + padding_[3], input[3]};
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    return context.graph().add1(op::Pad{{0, padding_[0], padding_[2], 0}, {0, padding_[1], padding_[3], 0}}, {inputs[0]});
  }

 private:
  Border padding_;
};

class Cropping2DLayer : public Layer {
 public:
  explicit Cropping2DLayer(Border cropping) : cropping_(cropping) {
    if (std::ranges::any_of(cropping, [](int extent) { return extent < 0; }))
      fail("Cropping2D", "cropping must not be negative.");
  }
  std::string class_name() const override { return "Cropping2D"; }
  Json config() const override { return {{"cropping", border_config(cropping_)}, {"data_format", "channels_last"}}; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = image_input(label_of(*this), inputs);
    const Shape output{input[0], input[1] - cropping_[0] - cropping_[1], input[2] - cropping_[2] - cropping_[3], input[3]};
    if (output[1] < 1 || output[2] < 1) fail(label_of(*this), "nothing is left of an input of shape {}.", to_string(input));
    return output;
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    const Shape input = context.graph().shape(inputs[0]);
    const Shape output = output_shape(std::span(&input, 1));
    return context.graph().add1(op::Slice{{0, cropping_[0], cropping_[2], 0}, output.extents()}, {inputs[0]});
  }

 private:
  Border cropping_;
};

class UpSampling2DLayer : public Layer {
 public:
  explicit UpSampling2DLayer(std::array<int, 2> size) : size_(size) {
    if (size[0] < 1 || size[1] < 1) fail("UpSampling2D", "size must be positive. Got {}x{}.", size[0], size[1]);
  }
  std::string class_name() const override { return "UpSampling2D"; }
  Json config() const override { return {{"size", size_}, {"data_format", "channels_last"}, {"interpolation", "nearest"}}; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = image_input(label_of(*this), inputs);
    return {input[0], input[1] * size_[0], input[2] * size_[1], input[3]};
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    return context.graph().add1(op::Upsample2D{size_}, {inputs[0]});
  }

 private:
  std::array<int, 2> size_;
};

}  // namespace

LayerHandle ZeroPadding2D(Border padding, NameOption options) {
  return named(std::make_shared<ZeroPadding2DLayer>(padding), std::move(options));
}
LayerHandle Cropping2D(Border cropping, NameOption options) {
  return named(std::make_shared<Cropping2DLayer>(cropping), std::move(options));
}
LayerHandle UpSampling2D(std::array<int, 2> size, NameOption options) {
  return named(std::make_shared<UpSampling2DLayer>(size), std::move(options));
}

LayerPtr zero_padding2d_from_config(ConfigReader& reader) {
  reader.channels_last();
  return std::make_shared<ZeroPadding2DLayer>(border_from_config(reader, "padding", {1, 1, 1, 1}));
}
LayerPtr cropping2d_from_config(ConfigReader& reader) {
  reader.channels_last();
  return std::make_shared<Cropping2DLayer>(border_from_config(reader, "cropping", {0, 0, 0, 0}));
}
LayerPtr up_sampling2d_from_config(ConfigReader& reader) {
  reader.channels_last();
  if (const std::string how = reader.text("interpolation", "nearest"); how != "nearest")
    reader.refuse("interpolation {} is not supported. Expected nearest.", how);
  return std::make_shared<UpSampling2DLayer>(reader.pair("size", {2, 2}));
}

}  // namespace tutti
