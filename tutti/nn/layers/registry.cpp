// The table of layer classes.
#include "tutti/nn/layers/factories.h"

#include <fmt/ranges.h>

#include "tutti/base/error.h"

namespace tutti {
namespace {

struct Row {
  std::string_view class_name;
  LayerPtr (*factory)(ConfigReader&);
};
constexpr Row kRows[] = {
    {"Dense", dense_from_config},
    {"Activation", activation_from_config},
    {"Flatten", flatten_from_config},
    {"Reshape", reshape_from_config},
    {"Permute", permute_from_config},
    {"Conv2D", conv2d_from_config},
    {"DepthwiseConv2D", depthwise_conv2d_from_config},
    {"SeparableConv2D", separable_conv2d_from_config},
    {"MaxPooling2D", pooling2d_from_config},
    {"AveragePooling2D", pooling2d_from_config},
    {"GlobalAveragePooling2D", global_pooling2d_from_config},
    {"GlobalMaxPooling2D", global_pooling2d_from_config},
    {"Dropout", dropout_from_config},
    {"SpatialDropout2D", dropout_from_config},
    {"BatchNormalization", batch_normalization_from_config},
    {"LayerNormalization", layer_normalization_from_config},
    {"ReLU", relu_from_config},
    {"LeakyReLU", leaky_relu_from_config},
    {"ELU", elu_from_config},
    {"Softmax", softmax_from_config},
    {"ZeroPadding2D", zero_padding2d_from_config},
    {"Cropping2D", cropping2d_from_config},
    {"UpSampling2D", up_sampling2d_from_config},
    {"Rescaling", rescaling_from_config},
    {"Add", merge_from_config},
    {"Subtract", merge_from_config},
    {"Multiply", merge_from_config},
    {"Average", merge_from_config},
    {"Maximum", merge_from_config},
    {"Minimum", merge_from_config},
    {"Concatenate", concatenate_from_config},
};

}  // namespace

LayerPtr layer_from_config(std::string_view class_name, const Json& config) {
  for (const Row& row : kRows) {
    if (row.class_name != class_name) continue;
    ConfigReader reader(std::string(class_name), config);
    LayerPtr layer = row.factory(reader);
    layer->name = reader.text("name", "");
    layer->trainable = reader.flag("trainable", true);
    reader.refuse_unknown_keys();
    return layer;
  }
  if (class_name == "Lambda")
    fail("Lambda", "the layer holds Python code, which tutti never executes. Replace it by layers that tutti has.");
  fail(class_name, "tutti does not have this layer. It has: {}.", fmt::join(layer_classes(), ", "));
}

std::vector<std::string> layer_classes() {
  std::vector<std::string> names;
  for (const Row& row : kRows) names.emplace_back(row.class_name);
  return names;
}

// keras/src/utils/naming.py: to_snake_case.
std::string to_snake_case(std::string_view class_name) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string first;  // (.)([A-Z][a-z0-9]+) -> \1_\2
  for (std::size_t i = 0; i < class_name.size(); ++i) {
    const bool word =
        is_upper(class_name[i]) && i + 1 < class_name.size() && (is_lower(class_name[i + 1]) || is_digit(class_name[i + 1]));
    if (word && i > 0) first += '_';
    first += class_name[i];
  }
  std::string result;  // ([a-z])([A-Z]) -> \1_\2
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (i > 0 && is_lower(first[i - 1]) && is_upper(first[i])) result += '_';
    result += static_cast<char>(is_upper(first[i]) ? first[i] - 'A' + 'a' : first[i]);
  }
  return result;
}

}  // namespace tutti
