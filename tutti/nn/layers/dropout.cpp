// Dropout, SpatialDropout2D.
#include "tutti/nn/layers.h"
#include "tutti/nn/layers/factories.h"
#include "tutti/nn/layers/geometry.h"

namespace tutti {
namespace {

class DropoutLayer : public Layer {
 public:
  DropoutLayer(double rate, bool spatial, DropoutOptions options) : rate_(rate), spatial_(spatial), seed_(options.seed) {
    name = std::move(options.name);
    if (!(rate >= 0.0 && rate < 1.0)) fail(DropoutLayer::class_name(), "rate must be in [0, 1). Got {}.", rate);
  }
  std::string class_name() const override { return spatial_ ? "SpatialDropout2D" : "Dropout"; }
  Json config() const override {
    const Json seed = seed_ ? Json(*seed_) : Json(nullptr);
    if (spatial_) return {{"rate", rate_}, {"seed", seed}, {"data_format", "channels_last"}};
    return {{"rate", rate_}, {"seed", seed}, {"noise_shape", nullptr}};
  }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(label_of(*this), inputs);
    if (spatial_ && input.rank() != 4)
      fail(label_of(*this), "expected images (batch, height, width, channels). Got shape {}.", to_string(input));
    return input;
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    if (!context.training() || rate_ == 0.0) return inputs[0];
    Shape mask = context.graph().shape(inputs[0]);
    if (spatial_) mask = {mask[0], 1, 1, mask[3]};
    return context.graph().add1(op::Dropout{rate_, seed_.value_or(context.seed()), context.stream(), mask},
                                {inputs[0], context.step()});
  }

 private:
  double rate_;
  bool spatial_;
  std::optional<std::uint64_t> seed_;
};

}  // namespace

LayerHandle Dropout(double rate, DropoutOptions options) {
  return LayerPtr(std::make_shared<DropoutLayer>(rate, false, std::move(options)));
}
LayerHandle SpatialDropout2D(double rate, DropoutOptions options) {
  return LayerPtr(std::make_shared<DropoutLayer>(rate, true, std::move(options)));
}

LayerPtr dropout_from_config(ConfigReader& reader) {
  DropoutOptions options;
  if (const Json* seed = reader.find("seed"); seed && seed->is_number_unsigned()) options.seed = seed->get<std::uint64_t>();
  if (reader.find("noise_shape")) reader.refuse("noise_shape is not supported.");
  const bool spatial = reader.class_name() == "SpatialDropout2D";
  if (spatial) reader.channels_last();
  const double rate = reader.number(reader.has("p") ? "p" : "rate", 0.5);  // Keras 1: p
  return std::make_shared<DropoutLayer>(rate, spatial, std::move(options));
}

}  // namespace tutti
