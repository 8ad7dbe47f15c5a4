// NumPy's files: .npy (one array) and .npz (a zip of them).
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1.0, 2.0 and 3.0.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "tutti/tensor/tensor.h"

namespace tutti {

// The array in `bytes`. Elements '<f4' '<f8' '<i4' '<i8' '|u1' '|b1' (read as uint8); Fortran order becomes row-major.
// Error, with `name` in it, for other elements (objects above all: they are pickled code), a bad header or missing data.
Tensor parse_npy(std::string_view bytes, std::string_view name);
Tensor read_npy(const std::filesystem::path& path);

// Version 1.0, little-endian, C order.
std::string to_npy(const Tensor& tensor);
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

// The arrays of an .npz file by name, without ".npy".
std::map<std::string, Tensor> read_npz(const std::filesystem::path& path);

}  // namespace tutti
