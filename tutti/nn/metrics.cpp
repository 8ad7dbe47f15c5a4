#include "tutti/nn/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "tutti/base/error.h"
#include "tutti/nn/json_fields.h"

namespace tutti {
namespace {

std::int64_t argmax(const float* row, std::int64_t count) { return std::max_element(row, row + count) - row; }

// Rows of the last axis: (n, c) has n, (n, t, c) has n * t.
std::int64_t rows_of(const Tensor& prediction) {
  const std::int64_t columns = prediction.shape().rank() == 0 ? 0 : prediction.shape()[-1];
  return columns == 0 ? 0 : prediction.elements() / columns;
}

// Class indices of a target: the indices themselves, or the argmax of one-hot rows.
std::vector<std::int64_t> true_classes(const Tensor& target, const Tensor& prediction) {
  const std::int64_t rows = rows_of(prediction);
  if (target.elements() != rows && target.elements() != prediction.elements())
    fail("metric", "targets of shape {} do not fit predictions of shape {}.", to_string(target.shape()),
         to_string(prediction.shape()));
  if (target.elements() == rows) {
    const Tensor labels = target.cast(DType::kInt64);
    return {labels.data<std::int64_t>().begin(), labels.data<std::int64_t>().end()};
  }
  const Tensor values = target.cast(DType::kFloat32);
  const std::int64_t columns = prediction.shape()[-1];
  std::vector<std::int64_t> classes;
  for (std::int64_t row = 0; row < rows; ++row) classes.push_back(argmax(values.data<float>().data() + row * columns, columns));
  return classes;
}

// The mean of a value per row of the prediction.
class MeanMetric : public Metric {
 public:
  // The sum over the rows of one batch.
  using BatchSum = std::function<double(const Tensor& prediction, const Tensor& target)>;
  MeanMetric(std::string name, std::string class_name, bool maximize, BatchSum sum, Json options = Json::object())
      : name_(std::move(name)),
        class_name_(std::move(class_name)),
        maximize_(maximize),
        sum_of_(std::move(sum)),
        options_(std::move(options)) {}
  std::string name() const override { return name_; }
  Json config() const override {
    Json config = {{"name", name_}};
    config.update(options_);
    return {{"module", "keras.metrics"}, {"class_name", class_name_}, {"config", config}, {"registered_name", nullptr}};
  }
  void reset() override { sum_ = rows_ = 0; }
  void update(const Tensor& prediction, const Tensor& target) override {
    sum_ += sum_of_(prediction, target);
    rows_ += static_cast<double>(rows_of(prediction));
  }
  double result() const override { return rows_ > 0 ? sum_ / rows_ : 0.0; }
  std::array<double, 2> sums() const override { return {sum_, rows_}; }
  void set_sums(std::array<double, 2> sums) override {
    sum_ = sums[0];
    rows_ = sums[1];
  }
  bool maximize() const override { return maximize_; }

 private:
  std::string name_, class_name_;
  bool maximize_;
  BatchSum sum_of_;
  Json options_;  // beside the name
  double sum_ = 0, rows_ = 0;
};

double correct_classes(const Tensor& prediction, const Tensor& target) {
  const std::vector<std::int64_t> wanted = true_classes(target, prediction);
  const std::int64_t columns = prediction.shape()[-1];
  const float* row = prediction.data<float>().data();
  double correct = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i, row += columns) correct += argmax(row, columns) == wanted[i];
  return correct;
}

// In the top k: fewer than k classes have a larger probability than the true one.
double in_top_k(const Tensor& prediction, const Tensor& target, std::int64_t k) {
  const std::int64_t columns = prediction.shape()[-1];
  const float* row = prediction.data<float>().data();
  double correct = 0;
  for (const std::int64_t label : true_classes(target, prediction)) {
    if (label >= 0 && label < columns)
      correct += std::count_if(row, row + columns, [&](float value) { return value > row[label]; }) < k;
    row += columns;
  }
  return correct;
}

// The sum over the rows of the mean over a row's values.
double mean_of(const Tensor& prediction, const Tensor& target, double (*value)(double predicted, double wanted)) {
  const Tensor wanted = target.cast(DType::kFloat32);
  if (wanted.elements() != prediction.elements())
    fail("metric", "targets of shape {} do not fit predictions of shape {}.", to_string(target.shape()),
         to_string(prediction.shape()));
  double sum = 0;
  for (std::size_t i = 0; i < prediction.data<float>().size(); ++i)
    sum += value(prediction.data<float>()[i], wanted.data<float>()[i]);
  return prediction.elements() == 0 ? 0.0 : sum / static_cast<double>(prediction.shape()[-1]);
}

double binary_hits(const Tensor& prediction, const Tensor& target) {
  return mean_of(prediction, target,
                 [](double predicted, double wanted) { return double((predicted > 0.5) == (wanted > 0.5)); });
}

// true positives / (true positives + false positives or false negatives), at the threshold 0.5; of all values, as Keras.
class PrecisionOrRecall : public Metric {
 public:
  explicit PrecisionOrRecall(bool precision) : precision_(precision) {}
  std::string name() const override { return precision_ ? "precision" : "recall"; }
  Json config() const override {
    return {{"module", "keras.metrics"},
            {"class_name", precision_ ? "Precision" : "Recall"},
            {"config", {{"name", name()}}},
            {"registered_name", nullptr}};
  }
  void reset() override { hits_ = misses_ = 0; }
  void update(const Tensor& prediction, const Tensor& target) override {
    const std::int64_t columns = prediction.shape().rank() == 0 ? 1 : prediction.shape()[-1];
    const bool is_index = target.elements() != prediction.elements();
    const std::vector<std::int64_t> labels = is_index ? true_classes(target, prediction) : std::vector<std::int64_t>();
    const Tensor wanted = target.cast(DType::kFloat32);
    for (std::int64_t i = 0; i < prediction.elements(); ++i) {
      const bool positive = is_index ? labels[static_cast<std::size_t>(i / columns)] == i % columns
                                     : wanted.data<float>()[static_cast<std::size_t>(i)] > 0.5f;
      const bool predicted = prediction.data<float>()[static_cast<std::size_t>(i)] > 0.5f;
      hits_ += positive && predicted;
      misses_ += precision_ ? (predicted && !positive) : (positive && !predicted);
    }
  }
  double result() const override { return hits_ + misses_ > 0 ? hits_ / (hits_ + misses_) : 0.0; }
  std::array<double, 2> sums() const override { return {hits_, misses_}; }
  void set_sums(std::array<double, 2> sums) override {
    hits_ = sums[0];
    misses_ = sums[1];
  }

 private:
  bool precision_;
  double hits_ = 0, misses_ = 0;
};

using Kind = op::LossKind;

// keras/src/trainers/compile_utils.py: one output is binary, else the largest decides; the target's shape says whether it has
// indices or one-hot rows.
double accuracy_by_shape(const Tensor& prediction, const Tensor& target) {
  return prediction.shape()[-1] == 1 ? binary_hits(prediction, target) : correct_classes(prediction, target);
}

MetricPtr make_accuracy(const std::string& name, const LossFunction& loss) {
  const char* class_name = loss.is_sparse()                                      ? "SparseCategoricalAccuracy"
                           : loss.attributes().kind == Kind::kBinaryCrossEntropy ? "BinaryAccuracy"
                                                                                 : "CategoricalAccuracy";
  return std::make_shared<MeanMetric>(name, class_name, true, accuracy_by_shape);
}

std::string folded_name(std::string_view name) {
  // Keras's class names become function names: "SparseCategoricalAccuracy". "MSE" has no words to part.
  const bool is_short = std::ranges::none_of(name, [](char c) { return c >= 'a' && c <= 'z'; });
  std::string result;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z' && !result.empty() && !is_short) result += '_';
    result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

}  // namespace

MetricPtr make_metric(std::string_view given, const LossFunction& loss) {
  const std::string name = folded_name(given);
  // Keras names the metric as the user did: "acc" stays "acc".
  if (name == "accuracy" || name == "acc") return make_accuracy(name, loss);
  if (name == "binary_accuracy") return std::make_shared<MeanMetric>(name, "BinaryAccuracy", true, binary_hits);
  if (name == "categorical_accuracy") return std::make_shared<MeanMetric>(name, "CategoricalAccuracy", true, correct_classes);
  if (name == "sparse_categorical_accuracy")
    return std::make_shared<MeanMetric>(name, "SparseCategoricalAccuracy", true, correct_classes);
  const auto top_k = [&](const std::string& label, const char* class_name, std::int64_t k, Json options = Json::object()) {
    const auto hits = [k](const Tensor& prediction, const Tensor& target) { return in_top_k(prediction, target, k); };
    return std::make_shared<MeanMetric>(label, class_name, true, hits, std::move(options));
  };
  if (name == "top_k_categorical_accuracy") return top_k(name, "TopKCategoricalAccuracy", 5);
  if (name == "sparse_top_k_categorical_accuracy") return top_k(name, "SparseTopKCategoricalAccuracy", 5);
  if (name.starts_with("top_")) {  // "top_3_accuracy"
    int k = 0;
    const auto [end, code] = std::from_chars(name.data() + 4, name.data() + name.size(), k);
    if (code == std::errc() && k > 0 && std::string_view(end) == "_accuracy")
      return top_k(name, loss.is_sparse() ? "SparseTopKCategoricalAccuracy" : "TopKCategoricalAccuracy", k, {{"k", k}});
  }
  if (name == "precision" || name == "recall") return std::make_shared<PrecisionOrRecall>(name == "precision");
  if (name == "mse" || name == "mean_squared_error")
    return std::make_shared<MeanMetric>(std::string(given), "MeanSquaredError", false, [](const Tensor& p, const Tensor& t) {
      return mean_of(p, t, [](double predicted, double wanted) { return (predicted - wanted) * (predicted - wanted); });
    });
  if (name == "mae" || name == "mean_absolute_error")
    return std::make_shared<MeanMetric>(std::string(given), "MeanAbsoluteError", false, [](const Tensor& p, const Tensor& t) {
      return mean_of(p, t, [](double predicted, double wanted) { return std::abs(predicted - wanted); });
    });
  fail("metrics",
       "unknown metric. Expected accuracy, binary_accuracy, categorical_accuracy, sparse_categorical_accuracy, "
       "top_k_categorical_accuracy, top_N_accuracy, precision, recall, mean_squared_error or mean_absolute_error. Got {}.",
       given);
}

MetricPtr metric_from_config(const Json& config, const LossFunction& loss) {
  const NamedConfig named = read_named_config("metrics", config);
  if (!named.options) return make_metric(named.name, loss);
  const JsonFields options("metrics", *named.options);
  if (options.text("name", "") == "accuracy") return make_metric("accuracy", loss);
  if (named.name.ends_with("TopKCategoricalAccuracy") && options.find("k"))
    return make_metric(fmt::format("top_{:.0f}_accuracy", options.number("k", 5)), loss);
  if (options.number("threshold", 0.5) != 0.5)
    fail("metrics", "a threshold other than 0.5 is not supported. Got {}.", options.number("threshold", 0.5));
  return make_metric(named.name, loss);
}

}  // namespace tutti
