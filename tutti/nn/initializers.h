// Initial values of weights, by Keras's names and formulas (keras/src/initializers/random_initializers.py).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tutti/nn/json.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

class Initializer {
 public:
  enum class Kind : std::uint8_t {
    kZeros,
    kOnes,
    kConstant,
    kIdentity,
    kRandomNormal,
    kRandomUniform,
    kTruncatedNormal,
    kVarianceScaling,
    kOrthogonal
  };
  enum class Mode : std::uint8_t { kFanIn, kFanOut, kFanAverage };
  enum class Distribution : std::uint8_t { kUniform, kTruncatedNormal, kUntruncatedNormal };

  // A Keras name, "glorot_uniform" or "GlorotUniform". Error for an unknown one.
  Initializer(std::string_view keras_name);
  Initializer(const char* keras_name) : Initializer(std::string_view(keras_name)) {}
  Initializer(const std::string& keras_name) : Initializer(std::string_view(keras_name)) {}

  // A float32 tensor of `shape`, a pure function of (shape, seed, stream). The fans of a kernel (spatial..., in, out) are
  // prod(spatial) * in and prod(spatial) * out; of a vector n, n and n.
  Tensor operator()(const Shape& shape, std::uint64_t seed, std::uint32_t stream) const;

  // A name, null (zeros) or {"class_name", "config"} of Keras 1 to 3.
  static Initializer from_config(const Json& config);
  // As Keras 3 writes it: {"module": "keras.initializers", "class_name": ..., "config": ..., "registered_name": null}.
  Json config() const;

  std::string name;  // Keras's class name ("GlorotUniform"), which says more than kind
  Kind kind = Kind::kZeros;
  double value = 0.0;                // kConstant; the gain of kIdentity and kOrthogonal
  double mean = 0.0, stddev = 0.05;  // kRandomNormal, kTruncatedNormal
  double low = -0.05, high = 0.05;   // kRandomUniform
  double scale = 1.0;                // kVarianceScaling
  Mode mode = Mode::kFanIn;
  Distribution distribution = Distribution::kTruncatedNormal;

 private:
  Initializer() = default;
};

}  // namespace tutti
