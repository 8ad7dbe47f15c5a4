// The IDX format of MNIST: http://yann.lecun.com/exdb/mnist/ (big-endian magic 0x000008nn, nn extents, bytes).
#pragma once

#include <filesystem>
#include <string_view>

#include "tutti/tensor/tensor.h"

namespace tutti {

// The uint8 array in `bytes`. Error, with `name`, for other element types, or a size that its header does not say.
Tensor parse_idx(std::string_view bytes, std::string_view name);
// The same from a file, gzip or not.
Tensor read_idx(const std::filesystem::path& path);

}  // namespace tutti
