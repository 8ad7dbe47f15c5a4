#include "tutti/nn/confusion_matrix.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "tutti/base/error.h"

namespace tutti {
namespace {

constexpr const char* kWhere = "confusion_matrix";

std::int64_t sum_of(const std::vector<std::int64_t>& row) { return std::accumulate(row.begin(), row.end(), std::int64_t{0}); }

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : std::numeric_limits<double>::quiet_NaN();
}

bool is_float(const Tensor& tensor) { return tensor.dtype() == DType::kFloat32 || tensor.dtype() == DType::kFloat64; }

// The columns of a matrix (n, columns); 1 for (n,).
std::int64_t columns_of(const Tensor& tensor, const char* what) {
  const Shape& shape = tensor.shape();
  if (shape.rank() == 1) return 1;
  if (shape.rank() != 2 || shape[1] < 1)
    fail(kWhere, "{} must have shape (n,), (n, 1) or (n, classes). Got {}.", what, to_string(shape));
  return shape[1];
}

// The largest of each row.
std::vector<std::int64_t> argmax_rows(const Tensor& tensor, std::int64_t columns) {
  const Tensor values = tensor.cast(DType::kFloat64);
  std::vector<std::int64_t> ids;
  const double* row = values.data<double>().data();
  for (std::int64_t n = 0; n < tensor.shape()[0]; ++n, row += columns)
    ids.push_back(std::max_element(row, row + columns) - row);
  return ids;
}

std::vector<std::int64_t> integers(const Tensor& tensor) {
  const Tensor values = tensor.cast(DType::kInt64);
  return {values.data<std::int64_t>().begin(), values.data<std::int64_t>().end()};
}

std::vector<std::int64_t> true_classes(const Tensor& labels) {
  const std::int64_t columns = columns_of(labels, "labels");
  return columns > 1 ? argmax_rows(labels, columns) : integers(labels);
}

// classes: 0 if not known.
std::vector<std::int64_t> predicted_classes(const Tensor& predictions, std::int64_t classes) {
  const std::int64_t columns = columns_of(predictions, "predictions");
  // The probability of the only class there is tells nothing.
  if (columns > 1 || (is_float(predictions) && classes == 1)) return argmax_rows(predictions, columns);
  if (!is_float(predictions)) return integers(predictions);
  if (predictions.shape().rank() != 2)
    fail(kWhere, "predictions of shape {} are taken as class ids: expected integers. Got {}.", to_string(predictions.shape()),
         name_of(predictions.dtype()));
  const Tensor values = predictions.cast(DType::kFloat64);
  std::vector<std::int64_t> ids;
  for (const double p : values.data<double>()) ids.push_back(p > 0.5 ? 1 : 0);
  return ids;
}

std::int64_t number_of_classes(const Tensor& predictions, const std::vector<std::int64_t>& labels,
                               const std::vector<std::int64_t>& predicted) {
  if (const std::int64_t columns = columns_of(predictions, "predictions"); columns > 1) return columns;
  std::int64_t largest = is_float(predictions) ? 1 : 0;
  for (const auto* ids : {&labels, &predicted})
    for (const std::int64_t id : *ids) largest = std::max(largest, id);
  // The counts are a square: a label that is no class id (a pixel, a hash) must not take all memory.
  constexpr std::int64_t kMostClasses = 10'000;
  if (largest >= kMostClasses) fail(kWhere, "expected class ids below {}. Got {}.", kMostClasses, largest);
  return largest + 1;
}

ConfusionMatrix count(const std::vector<std::int64_t>& labels, const std::vector<std::int64_t>& predicted,
                      std::vector<std::string> names) {
  const auto classes = static_cast<std::int64_t>(names.size());
  if (labels.size() != predicted.size())
    fail(kWhere, "expected a prediction for each of the {} labels. Got {}.", labels.size(), predicted.size());
  ConfusionMatrix matrix;
  matrix.counts.assign(names.size(), std::vector<std::int64_t>(names.size()));
  matrix.class_names = std::move(names);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (const std::int64_t id : {labels[i], predicted[i]})
      if (id < 0 || id >= classes) fail(kWhere, "classes must be in [0, {}). Got {} in sample {}.", classes, id, i);
    ++matrix.counts[static_cast<std::size_t>(labels[i])][static_cast<std::size_t>(predicted[i])];
  }
  return matrix;
}

}  // namespace

std::int64_t ConfusionMatrix::samples() const {
  std::int64_t sum = 0;
  for (const auto& row : counts) sum += sum_of(row);
  return sum;
}

std::int64_t ConfusionMatrix::samples_of(std::size_t truth) const { return sum_of(counts.at(truth)); }

double ConfusionMatrix::recall(std::size_t truth) const { return share(counts.at(truth).at(truth), samples_of(truth)); }

double ConfusionMatrix::accuracy() const {
  std::int64_t right = 0;
  for (std::size_t c = 0; c < counts.size(); ++c) right += counts[c][c];
  return share(right, samples());
}

std::vector<Confusion> largest_confusions(const ConfusionMatrix& matrix, std::size_t count) {
  std::vector<Confusion> entries;
  for (std::size_t i = 0; i < matrix.classes(); ++i) {
    const std::int64_t of = matrix.samples_of(i);
    for (std::size_t j = 0; j < matrix.classes(); ++j)
      if (i != j && matrix.counts[i][j] > 0)
        entries.push_back({static_cast<std::int64_t>(i), static_cast<std::int64_t>(j), matrix.counts[i][j], of});
  }
  std::ranges::stable_sort(entries, std::greater<>(), &Confusion::samples);
  if (entries.size() > count) entries.resize(count);
  return entries;
}

ConfusionMatrix confusion_matrix(const Tensor& labels, const Tensor& predictions, std::int64_t classes) {
  if (classes < 0) fail(kWhere, "the number of classes must not be negative. Got {}.", classes);
  const std::vector<std::int64_t> truth = true_classes(labels), predicted = predicted_classes(predictions, classes);
  if (classes == 0) classes = number_of_classes(predictions, truth, predicted);
  std::vector<std::string> names;
  for (std::int64_t c = 0; c < classes; ++c) names.push_back(std::to_string(c));
  return count(truth, predicted, std::move(names));
}

ConfusionMatrix confusion_matrix(const Tensor& labels, const Tensor& predictions, std::vector<std::string> class_names) {
  if (class_names.empty()) fail(kWhere, "expected a name for each class. Got none.");
  const std::vector<std::int64_t> predicted = predicted_classes(predictions, static_cast<std::int64_t>(class_names.size()));
  return count(true_classes(labels), predicted, std::move(class_names));
}

ConfusionMatrix confusion_matrix(const Dataset& data, const Tensor& predictions) {
  if (!data.has_labels()) fail(kWhere, "expected a data set with class labels. Got one without.");
  Tensor labels({data.size()}, DType::kInt64);
  for (std::int64_t i = 0; i < data.size(); ++i) labels.data<std::int64_t>()[static_cast<std::size_t>(i)] = data.label(i);
  if (!data.class_names().empty()) return confusion_matrix(labels, predictions, data.class_names());
  return confusion_matrix(labels, predictions, predictions.shape().rank() == 2 ? 0 : data.classes());
}

}  // namespace tutti
