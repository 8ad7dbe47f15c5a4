// The layers, by Keras's names, arguments and defaults.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "tutti/nn/symbol.h"

namespace tutti {

// activity_regularizer, where a layer has one: the penalty of its output, divided by the batch size as in Keras from 3.14 on
// (Keras 2.0 to 2.3 and 3.0 to 3.13 do not divide).

// --- Core ---
struct DenseOptions {
  std::string activation = {};  // "" is linear
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform", bias_initializer = "zeros";
  Regularizer kernel_regularizer = {}, bias_regularizer = {}, activity_regularizer = {};
  std::string name = {};
};
// (..., k) -> (..., units)
LayerHandle Dense(int units, DenseOptions options = {});
struct NameOption {
  std::string name = {};
};
// relu, relu6, leaky_relu, elu, selu, gelu, silu, sigmoid, tanh, softmax, softplus, ... Error names the known ones.
LayerHandle Activation(std::string activation, NameOption options = {});
LayerHandle Flatten(NameOption options = {});
// target without the batch; one extent may be -1.
LayerHandle Reshape(Shape target, NameOption options = {});
// dims from 1, the batch left out: Permute({2, 1}).
LayerHandle Permute(std::vector<int> dims, NameOption options = {});

// --- Convolution. Images are (n, h, w, c). ---
struct Conv2DOptions {
  std::array<int, 2> strides = {1, 1};
  std::string padding = "valid";
  std::array<int, 2> dilation_rate = {1, 1};
  int groups = 1;
  std::string activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform", bias_initializer = "zeros";
  Regularizer kernel_regularizer = {}, bias_regularizer = {}, activity_regularizer = {};
  std::string name = {};
};
LayerHandle Conv2D(int filters, std::array<int, 2> kernel_size, Conv2DOptions options = {});
struct DepthwiseConv2DOptions {
  std::array<int, 2> strides = {1, 1};
  std::string padding = "valid";
  int depth_multiplier = 1;
  std::array<int, 2> dilation_rate = {1, 1};
  std::string activation = {};
  bool use_bias = true;
  Initializer depthwise_initializer = "glorot_uniform", bias_initializer = "zeros";
  Regularizer depthwise_regularizer = {}, bias_regularizer = {}, activity_regularizer = {};
  std::string name = {};
};
LayerHandle DepthwiseConv2D(std::array<int, 2> kernel_size, DepthwiseConv2DOptions options = {});
struct SeparableConv2DOptions {
  std::array<int, 2> strides = {1, 1};
  std::string padding = "valid";
  std::array<int, 2> dilation_rate = {1, 1};
  int depth_multiplier = 1;
  std::string activation = {};
  bool use_bias = true;
  Initializer depthwise_initializer = "glorot_uniform", pointwise_initializer = "glorot_uniform", bias_initializer = "zeros";
  Regularizer depthwise_regularizer = {}, pointwise_regularizer = {}, bias_regularizer = {}, activity_regularizer = {};
  std::string name = {};
};
LayerHandle SeparableConv2D(int filters, std::array<int, 2> kernel_size, SeparableConv2DOptions options = {});

// --- Pooling ---
struct Pooling2DOptions {
  std::array<int, 2> strides = {0, 0};  // {0, 0}: as pool_size
  std::string padding = "valid";
  std::string name = {};
};
LayerHandle MaxPooling2D(std::array<int, 2> pool_size = {2, 2}, Pooling2DOptions options = {});
LayerHandle AveragePooling2D(std::array<int, 2> pool_size = {2, 2}, Pooling2DOptions options = {});
struct GlobalPooling2DOptions {
  bool keepdims = false;
  std::string name = {};
};
LayerHandle GlobalAveragePooling2D(GlobalPooling2DOptions options = {});
LayerHandle GlobalMaxPooling2D(GlobalPooling2DOptions options = {});

// --- Regularisation and normalisation ---
struct DropoutOptions {
  std::optional<std::uint64_t> seed = {};  // default: the fit's
  std::string name = {};
};
LayerHandle Dropout(double rate, DropoutOptions options = {});
LayerHandle SpatialDropout2D(double rate, DropoutOptions options = {});
struct BatchNormalizationOptions {
  int axis = -1;
  double momentum = 0.99, epsilon = 1e-3;
  bool center = true, scale = true;
  Initializer beta_initializer = "zeros", gamma_initializer = "ones", moving_mean_initializer = "zeros",
              moving_variance_initializer = "ones";
  Regularizer beta_regularizer = {}, gamma_regularizer = {};
  std::string name = {};
};
LayerHandle BatchNormalization(BatchNormalizationOptions options = {});
struct LayerNormalizationOptions {
  double epsilon = 1e-3;
  bool center = true, scale = true;
  Initializer beta_initializer = "zeros", gamma_initializer = "ones";
  Regularizer beta_regularizer = {}, gamma_regularizer = {};
  std::string name = {};
};
// Over the last axis.
LayerHandle LayerNormalization(LayerNormalizationOptions options = {});

// --- Activation layers ---
struct ReLUOptions {
  std::optional<double> max_value = {};
  double negative_slope = 0.0, threshold = 0.0;
  std::string name = {};
};
LayerHandle ReLU(ReLUOptions options = {});
LayerHandle LeakyReLU(double negative_slope = 0.3, NameOption options = {});
LayerHandle ELU(double alpha = 1.0, NameOption options = {});
LayerHandle Softmax(NameOption options = {});

// --- Reshaping images. {top, bottom, left, right} ---
LayerHandle ZeroPadding2D(std::array<int, 4> padding = {1, 1, 1, 1}, NameOption options = {});
LayerHandle Cropping2D(std::array<int, 4> cropping = {0, 0, 0, 0}, NameOption options = {});
LayerHandle UpSampling2D(std::array<int, 2> size = {2, 2}, NameOption options = {});

// --- Preprocessing and merging ---
// x * scale + offset
LayerHandle Rescaling(double scale, double offset = 0.0, NameOption options = {});
LayerHandle Add(NameOption options = {});
LayerHandle Subtract(NameOption options = {});
LayerHandle Multiply(NameOption options = {});
LayerHandle Average(NameOption options = {});
LayerHandle Maximum(NameOption options = {});
LayerHandle Minimum(NameOption options = {});
LayerHandle Concatenate(int axis = -1, NameOption options = {});

}  // namespace tutti
