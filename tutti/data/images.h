// JPEG and PNG, in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tutti/tensor/tensor.h"

namespace tutti {

// The JPEG or PNG in `bytes` as uint8 (h, w, channels); channels is 1 (grey) or 3 (RGB), an alpha channel is dropped. Error,
// with `name`, for another format, a damaged or truncated file, or an image of more than 2^26 pixels.
Tensor decode_image(std::string_view bytes, std::string_view name, int channels = 3);

// Bilinear, pixel centres at half coordinates (as tf.image.resize). image: uint8 (h, w, c).
Tensor resize_image(const Tensor& image, std::int64_t height, std::int64_t width);

// image: uint8 (h, w, 1) or (h, w, 3). Error for anything else.
std::string encode_png(const Tensor& image);

}  // namespace tutti
