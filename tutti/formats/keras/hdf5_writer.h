// Writes HDF5 files as h5py does by default: superblock 0, symbol-table groups, contiguous little-endian data sets.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/tensor/tensor.h"

namespace tutti {

// How h5py wrote strings: bytes (ASCII) or str (UTF-8), of variable length or padded with NUL.
enum class Hdf5String { kAscii, kUtf8, kFixed };

// A new file at `path`, made in memory and written by close(), whole or not at all. Errors name it and the object.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(const std::filesystem::path& path);
  ~Hdf5Writer();

  // Parents are created as needed.
  void group(std::string_view path);
  void dataset(std::string_view path, const Tensor& value);
  void attribute(std::string_view object, std::string_view name, const std::string& value, Hdf5String kind);
  // An array of strings; empty: float64 (0,), as numpy makes of an empty list. Arrays larger than an object header holds are
  // split into name0, name1, ..., as Keras does.
  void names(std::string_view object, const std::string& name, const std::vector<std::string>& values, Hdf5String kind);
  // Error if the file cannot be written; there is then none, or the old one.
  void close();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tutti
