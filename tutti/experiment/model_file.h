// A model from a file: a YAML layer list, Keras's model.json, or a Keras file with its weights.
//
//   name: cifar10_cnn                     # default: the file's name
//   layers:                               # Keras's classes and arguments
//     - Input: [32, 32, 3]
//     - Rescaling: 1/255
//     - Conv2D: {filters: 32, kernel_size: [3, 3], padding: same, activation: relu}
//     - Flatten
//     - Dense: {units: 10, activation: softmax}
//
// An entry takes what the one before gives; `inputs: [a, b]` names other layers instead, and the model is then functional:
//
//     - Add: {name: sum, inputs: [shortcut, conv_2]}
//   outputs: [softmax]                    # default: the last one
#pragma once

#include <filesystem>
#include <string>

#include "tutti/nn/model.h"

namespace tutti {

// By the extension: .yaml, .yml, .json, .h5, .hdf5 (.keras where Model::load_model knows it). Not compiled.
Model model_from_file(const std::filesystem::path& file);
// `file` names the text in errors.
Model model_from_yaml(const std::string& text, const std::string& file);

}  // namespace tutti
