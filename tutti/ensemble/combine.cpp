#include "tutti/ensemble/combine.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "tutti/base/error.h"

namespace tutti {
namespace {

// fmt and Python both print the shortest digits that give the number back; Python marks whole ones as floats.
template <class T>
std::string python_float(T value) {
  std::string text = fmt::format("{}", value);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::span<const float> row_of(const Tensor& matrix, std::int64_t row) {
  const auto width = static_cast<std::size_t>(matrix.shape()[1]);
  return matrix.data<float>().subspan(static_cast<std::size_t>(row) * width, width);
}

void check_matrix(const Tensor& probabilities) {
  if (probabilities.shape().rank() != 2 || probabilities.dtype() != DType::kFloat32)
    fail("ensemble", "expected probabilities float32 (n, classes). Got {}.", to_string(probabilities.type()));
}

}  // namespace

Tensor combine(std::span<const Tensor> predictions, std::span<const double> weights) {
  if (predictions.empty()) fail("ensemble", "there are no predictions to combine.");
  if (weights.size() != predictions.size())
    fail("ensemble", "expected a weight for each of {} models. Got {}.", predictions.size(), weights.size());
  double sum = 0;
  for (const double weight : weights) {
    if (!(weight >= 0) || !std::isfinite(weight)) fail("ensemble", "a weight must not be negative. Got {}.", weight);
    sum += weight;
  }
  if (!(sum > 0)) fail("ensemble", "all weights are 0.");

  const Tensor& first = predictions.front();
  std::vector<double> total(static_cast<std::size_t>(first.elements()), 0.0);
  for (std::size_t model = 0; model < predictions.size(); ++model) {
    if (predictions[model].type() != first.type())
      fail("ensemble", "models must give the same shape. Expected {}. Got {}.", to_string(first.type()),
           to_string(predictions[model].type()));
    const auto values = predictions[model].data<float>();
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += weights[model] * static_cast<double>(values[i]);
  }
  Tensor result(first.shape());
  const auto out = result.data<float>();
  for (std::size_t i = 0; i < total.size(); ++i) out[i] = static_cast<float>(total[i] / sum);
  return result;
}

std::optional<double> accuracy_in_file_name(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  const std::size_t first = name.find('_');
  if (first == std::string::npos) return {};
  const std::size_t second = name.find('_', first + 1);
  if (second == std::string::npos) return {};
  double value = 0;
  const auto result = std::from_chars(name.data() + first + 1, name.data() + second, value);
  if (result.ec != std::errc() || result.ptr != name.data() + second || !(value >= 0 && value <= 1)) return {};
  return value;
}

std::string model_file_name(std::string_view engine, double accuracy) {
  return fmt::format("{}_{}_model.h5", engine, python_float(accuracy));
}

std::vector<std::int64_t> argmax_rows(const Tensor& probabilities) {
  check_matrix(probabilities);
  std::vector<std::int64_t> result;
  if (probabilities.shape()[1] == 0) return result;
  for (std::int64_t row = 0; row < probabilities.shape()[0]; ++row) {
    const auto values = row_of(probabilities, row);
    result.push_back(std::max_element(values.begin(), values.end()) - values.begin());
  }
  return result;
}

std::string preds_csv(const Tensor& probabilities) {
  check_matrix(probabilities);
  std::string text;
  for (std::int64_t row = 0; row < probabilities.shape()[0]; ++row) {
    std::string_view separator;
    for (const float value : row_of(probabilities, row)) {
      text += separator;
      text += python_float(value);
      separator = ",";
    }
    text += '\n';
  }
  return text;
}

std::string pred_csv(const Tensor& probabilities) {
  std::string text = "prediction,rate\n";
  const std::vector<std::int64_t> classes = argmax_rows(probabilities);
  for (std::size_t row = 0; row < classes.size(); ++row) {
    const float rate = row_of(probabilities, static_cast<std::int64_t>(row))[static_cast<std::size_t>(classes[row])];
    text += fmt::format("{},{}\n", classes[row], python_float(rate));
  }
  return text;
}

}  // namespace tutti
