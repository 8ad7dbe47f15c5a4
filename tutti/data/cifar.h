// The two record formats of CIFAR, as datasets::cifar10() and cifar100() read them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tutti {

// How the records of a binary file are laid out: label bytes, then 1024 red, 1024 green, 1024 blue bytes, row-major.
struct CifarRecords {
  int label_bytes = 1;  // CIFAR-100: coarse, fine
  int label_index = 0;  // which of them is the label
  std::int64_t classes = 10;
};

// Reads labels.size() records to images (n, 32, 32, 3) and labels (n). Error, with `name`, if bytes is not exactly that long or
// a label is not below `classes`.
void read_cifar_records(std::string_view bytes, const CifarRecords& layout, std::string_view name,
                        std::span<std::uint8_t> images, std::span<std::int32_t> labels);

// The same for a Python batch (python_batch.h).
void read_cifar_pickle(std::string_view bytes, std::string_view label_key, std::int64_t classes, std::string_view name,
                       std::span<std::uint8_t> images, std::span<std::int32_t> labels);

}  // namespace tutti
