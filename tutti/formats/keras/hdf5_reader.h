// A reader of the HDF5 files that h5py writes by default, hardened against hostile input: every address, size and count is
// checked against the file before it is used, and the work is bounded by the file's size.
//
// Source: "HDF5 File Format Specification", versions 1.1 to 3.0 (The HDF Group). Read: superblocks 0 to 3, object headers 1
// and 2, symbol-table groups and compact links, contiguous, compact and chunked (B-tree 1) data sets with deflate, shuffle
// and Fletcher-32, attributes of strings and numbers, fixed and variable length. Refused by name: soft and external links,
// dense groups, the chunk indices of HDF5 1.10's "latest" format, compound types. Why not libhdf5: docs/decisions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/tensor/tensor.h"

namespace tutti {

// An open file. Paths are absolute or relative to the root: "/model_weights/dense/kernel:0". Errors name the file and the
// object.
class Hdf5Reader {
 public:
  // Error if the file cannot be read, is no HDF5 file or is shorter than it says.
  explicit Hdf5Reader(const std::filesystem::path& path);
  // The file's bytes; `name` is what errors call it.
  Hdf5Reader(std::string bytes, std::string name);
  ~Hdf5Reader();
  Hdf5Reader(Hdf5Reader&&) noexcept;

  const std::string& name() const;
  bool exists(std::string_view path) const;
  // Names of what a group holds, sorted by byte value. Error if it is no group.
  std::vector<std::string> children(std::string_view group) const;
  bool is_group(std::string_view path) const;
  // float32 (also from float16), float64, int32, int64 or uint8, the smallest that holds the file's type.
  Tensor dataset(std::string_view path) const;
  bool has_attribute(std::string_view object, std::string_view attribute) const;
  // A string attribute; absent: nullopt. Error if it is there and no single string.
  std::optional<std::string> string_attribute(std::string_view object, std::string_view attribute) const;
  // An array of strings; an empty array of any type gives {}. Absent: nullopt.
  std::optional<std::vector<std::string>> strings_attribute(std::string_view object, std::string_view attribute) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tutti
