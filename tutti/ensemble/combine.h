// Combining the predictions of several models into one.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/tensor/tensor.h"

namespace tutti {

// sum_i weights[i] * predictions[i] / sum_i weights[i], float32, summed in double. Predictions are float32 of one shape,
// (n, classes). Error if shapes differ, or if a weight is negative or all are 0.
Tensor combine(std::span<const Tensor> predictions, std::span<const double> weights);

// "theano_0.7845_model.hdf5" -> 0.7845, as the article reads it: the second part between underscores.
std::optional<double> accuracy_in_file_name(const std::filesystem::path& file);
// "native_0.7712_model.h5": the accuracy as Python prints a float.
std::string model_file_name(std::string_view engine, double accuracy);

// The article's files. preds.csv: a row an image, a probability a class. pred.csv: header "prediction,rate", the likeliest
// class of each image and its probability. Numbers as Python prints float32.
std::string preds_csv(const Tensor& probabilities);
std::string pred_csv(const Tensor& probabilities);

// Index of the largest value of each row of (n, classes); the first one of equals.
std::vector<std::int64_t> argmax_rows(const Tensor& probabilities);

}  // namespace tutti
