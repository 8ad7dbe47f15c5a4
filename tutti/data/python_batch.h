// CIFAR batches as Python pickles, read as data: no pickled code is ever executed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tutti {

struct PythonBatch {
  std::string pixels;  // labels.size() rows of 3 x 32 x 32 bytes
  std::vector<std::int64_t> labels;
};

// Reads the dictionary of a batch: 'data' (a uint8 array (n, 3072)) and the list `label_key` ('labels', 'fine_labels' or
// 'coarse_labels'). Only the opcodes that such files need are understood; all others, and every global but those of a NumPy
// array, are an Error with `name` and the place in it.
// Opcodes: Lib/pickletools.py of CPython.
PythonBatch read_python_batch(std::string_view bytes, std::string_view label_key, std::string_view name);

}  // namespace tutti
