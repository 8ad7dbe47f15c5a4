// Keras's HDF5 files. Model::save, save_weights, load_weights, to_json, load_model and model_from_json (nn/model.h) are defined
// here; this header adds a choice of who shall read what is written.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tutti/nn/model.h"

namespace tutti {

// What a whole-model file looks like. Which real Keras reads it: docs/decisions/004-keras-files.md.
enum class KerasDialect {
  // The common subset: Keras 2.2 to 2.3, TensorFlow's Keras 2.x and Keras 3.
  kPortable,
  // As Keras 2.0.5 wrote it (a Sequential is a bare list): Keras 2.0 to 2.3 and TensorFlow's 2.x. Not Keras 3.
  kKeras20,
  // As Keras 3 writes it. Not Keras 2.
  kKeras3,
};

// What a program may keep in a file of Keras's, which reads over it: a text and some arrays.
struct Attachment {
  std::string text;
  std::vector<Tensor> tensors;
};

struct SaveOptions {
  bool include_optimizer = true;
  KerasDialect dialect = KerasDialect::kPortable;
  const Attachment* attachment = nullptr;
};

// Model::save with a choice of dialect. Extension .h5 or .hdf5. Error for others, for a / in a layer's name (which Keras 3
// refuses; not in kKeras20) and if the file cannot be written; the old file then stays. Warns, once a process for each message,
// of what the Keras that the dialect is for lacks or computes otherwise.
void save_model(const Model& model, const std::filesystem::path& path, const SaveOptions& options);

// The attachment of a file that save_model wrote. Error if there is none or the file is damaged.
Attachment load_attachment(const std::filesystem::path& path);

// What load_model does, for a file that is already in memory. `name` is what errors call it.
Model load_model_from_bytes(std::string bytes, const std::string& name, bool compile = true);

}  // namespace tutti
