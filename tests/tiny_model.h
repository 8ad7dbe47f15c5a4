// A model of 32x32 images that trains in a second.
#pragma once

namespace tutti {

inline constexpr const char* kTinyModel = R"(
layers:
  - Input: [32, 32, 3]
  - Rescaling: 1/255
  - AveragePooling2D: [4, 4]
  - Flatten
  - Dense: {units: 10, activation: softmax}
)";

}  // namespace tutti
