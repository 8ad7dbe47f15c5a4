// How layers are made: from a config, one function a family (used by registry.cpp); by name.
#pragma once

#include <utility>

#include "tutti/nn/layer.h"
#include "tutti/nn/layers.h"
#include "tutti/nn/layers/config_reader.h"

namespace tutti {

inline LayerHandle named(LayerPtr layer, NameOption options) {
  layer->name = std::move(options.name);
  return layer;
}

LayerPtr dense_from_config(ConfigReader& reader);
LayerPtr activation_from_config(ConfigReader& reader);
LayerPtr flatten_from_config(ConfigReader& reader);
LayerPtr reshape_from_config(ConfigReader& reader);
LayerPtr permute_from_config(ConfigReader& reader);
LayerPtr conv2d_from_config(ConfigReader& reader);
LayerPtr depthwise_conv2d_from_config(ConfigReader& reader);
LayerPtr separable_conv2d_from_config(ConfigReader& reader);
LayerPtr pooling2d_from_config(ConfigReader& reader);
LayerPtr global_pooling2d_from_config(ConfigReader& reader);
LayerPtr dropout_from_config(ConfigReader& reader);
LayerPtr batch_normalization_from_config(ConfigReader& reader);
LayerPtr layer_normalization_from_config(ConfigReader& reader);
LayerPtr relu_from_config(ConfigReader& reader);
LayerPtr leaky_relu_from_config(ConfigReader& reader);
LayerPtr elu_from_config(ConfigReader& reader);
LayerPtr softmax_from_config(ConfigReader& reader);
LayerPtr zero_padding2d_from_config(ConfigReader& reader);
LayerPtr cropping2d_from_config(ConfigReader& reader);
LayerPtr up_sampling2d_from_config(ConfigReader& reader);
LayerPtr rescaling_from_config(ConfigReader& reader);
LayerPtr merge_from_config(ConfigReader& reader);
LayerPtr concatenate_from_config(ConfigReader& reader);

}  // namespace tutti
