#include "tutti/nn/metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "tutti/base/error.h"

namespace tutti {
namespace {

std::int64_t argmax(const float* row, std::int64_t count) { return std::max_element(row, row + count) - row; }

// Class indices of a target: the indices themselves, or the argmax of one-hot rows.
std::int64_t true_class(const Tensor& target, std::int64_t row, std::int64_t classes) {
  if (target.dtype() == DType::kInt32) return target.data<std::int32_t>()[static_cast<std::size_t>(row)];
  const float* values = target.data<float>().data();
  if (target.elements() == target.shape()[0]) return static_cast<std::int64_t>(values[row]);
  return argmax(values + row * classes, classes);
}

// The mean of a value per sample.
class MeanMetric : public Metric {
 public:
  // The sum over the samples of one batch.
  using BatchSum = std::function<double(const Tensor& prediction, const Tensor& target)>;
  MeanMetric(std::string name, std::string class_name, bool maximize, BatchSum sum)
      : name_(std::move(name)), class_name_(std::move(class_name)), maximize_(maximize), sum_of_(std::move(sum)) {}
  std::string name() const override { return name_; }
  Json config() const override {
    return {
        {"module", "keras.metrics"}, {"class_name", class_name_}, {"config", {{"name", name_}}}, {"registered_name", nullptr}};
  }
  void reset() override { sum_ = samples_ = 0; }
  void update(const Tensor& prediction, const Tensor& target) override {
    sum_ += sum_of_(prediction, target);
    samples_ += static_cast<double>(prediction.shape()[0]);
  }
  double result() const override { return samples_ > 0 ? sum_ / samples_ : 0.0; }
  bool maximize() const override { return maximize_; }

 private:
  std::string name_, class_name_;
  bool maximize_;
  BatchSum sum_of_;
  double sum_ = 0, samples_ = 0;
};

double correct_classes(const Tensor& prediction, const Tensor& target) {
  const std::int64_t classes = prediction.shape()[-1];
  double correct = 0;
  for (std::int64_t row = 0; row < prediction.shape()[0]; ++row)
    correct += argmax(prediction.data<float>().data() + row * classes, classes) == true_class(target, row, classes);
  return correct;
}

// In the top k: fewer than k classes have a larger probability than the true one.
double in_top_k(const Tensor& prediction, const Tensor& target, std::int64_t k) {
  const std::int64_t classes = prediction.shape()[-1];
  double correct = 0;
  for (std::int64_t row = 0; row < prediction.shape()[0]; ++row) {
    const float* values = prediction.data<float>().data() + row * classes;
    const std::int64_t label = true_class(target, row, classes);
    if (label < 0 || label >= classes) continue;
    correct += std::count_if(values, values + classes, [&](float value) { return value > values[label]; }) < k;
  }
  return correct;
}

// The sum over samples of the mean over a sample's values.
double mean_of(const Tensor& prediction, const Tensor& target, double (*value)(double predicted, double wanted)) {
  const Tensor wanted = target.cast(DType::kFloat32);
  if (wanted.elements() != prediction.elements())
    fail("metric", "targets of shape {} do not fit predictions of shape {}.", to_string(target.shape()),
         to_string(prediction.shape()));
  double sum = 0;
  for (std::size_t i = 0; i < prediction.data<float>().size(); ++i)
    sum += value(prediction.data<float>()[i], wanted.data<float>()[i]);
  const auto rows = static_cast<double>(std::max<std::int64_t>(1, prediction.shape()[0]));
  return prediction.elements() == 0 ? 0.0 : sum / (static_cast<double>(prediction.elements()) / rows);
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
    const std::int64_t columns = prediction.shape()[0] == 0 ? 1 : prediction.elements() / prediction.shape()[0];
    const bool is_index = target.dtype() == DType::kInt32 && columns > 1;
    const Tensor wanted = target.cast(DType::kFloat32);
    for (std::int64_t i = 0; i < prediction.elements(); ++i) {
      const bool positive = is_index ? true_class(target, i / columns, columns) == i % columns
                                     : wanted.data<float>()[static_cast<std::size_t>(i)] > 0.5f;
      const bool predicted = prediction.data<float>()[static_cast<std::size_t>(i)] > 0.5f;
      hits_ += positive && predicted;
      misses_ += precision_ ? (predicted && !positive) : (positive && !predicted);
    }
  }
  double result() const override { return hits_ + misses_ > 0 ? hits_ / (hits_ + misses_) : 0.0; }

 private:
  bool precision_;
  double hits_ = 0, misses_ = 0;
};

using Kind = op::LossKind;

MetricPtr make_accuracy(const std::string& name, Kind kind) {
  if (kind == Kind::kBinaryCrossEntropy)
    return std::make_shared<MeanMetric>(name, "BinaryAccuracy", true, [](const Tensor& prediction, const Tensor& target) {
      return mean_of(prediction, target,
                     [](double predicted, double wanted) { return double((predicted > 0.5) == (wanted > 0.5)); });
    });
  const char* class_name = kind == Kind::kSparseCategoricalCrossEntropy ? "SparseCategoricalAccuracy" : "CategoricalAccuracy";
  return std::make_shared<MeanMetric>(name, class_name, true, correct_classes);
}

std::string folded_name(std::string_view name) {
  // Keras class names become function names: "SparseCategoricalAccuracy".
  std::string result;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z' && !result.empty()) result += '_';
    result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

}  // namespace

MetricPtr make_metric(std::string_view given, const LossFunction& loss) {
  const std::string name = folded_name(given);
  // Keras names the metric as the user did: "acc" stays "acc".
  if (name == "accuracy" || name == "acc") return make_accuracy(name, loss.attributes().kind);
  if (name == "binary_accuracy") return make_accuracy(name, Kind::kBinaryCrossEntropy);
  if (name == "categorical_accuracy") return make_accuracy(name, Kind::kCategoricalCrossEntropy);
  if (name == "sparse_categorical_accuracy") return make_accuracy(name, Kind::kSparseCategoricalCrossEntropy);
  const auto top_k = [&](const std::string& label, const char* class_name, std::int64_t k) {
    return std::make_shared<MeanMetric>(label, class_name, true, [k](const Tensor& prediction, const Tensor& target) {
      return in_top_k(prediction, target, k);
    });
  };
  if (name == "top_k_categorical_accuracy") return top_k(name, "TopKCategoricalAccuracy", 5);
  if (name == "sparse_top_k_categorical_accuracy") return top_k(name, "SparseTopKCategoricalAccuracy", 5);
  if (name.starts_with("top_") && name.ends_with("_accuracy"))  // "top_3_accuracy"
    if (const int k = std::atoi(name.c_str() + 4); k > 0) return top_k(name, "TopKCategoricalAccuracy", k);
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
  if (config.is_string()) return make_metric(config.get<std::string>(), loss);
  if (config.is_object() && config.contains("class_name") && config["class_name"].is_string()) {
    const Json options = config.value("config", Json::object());
    if (options.is_object() && options.contains("name") && options["name"] == "accuracy") return make_metric("accuracy", loss);
    return make_metric(config["class_name"].get<std::string>(), loss);
  }
  fail("metrics", "expected a name or an object with class_name. Got {}.", config.dump());
}

Tensor confusion_matrix(const Tensor& prediction, const Tensor& labels, std::int64_t classes) {
  if (classes < 1) fail("confusion_matrix", "the number of classes must be positive. Got {}.", classes);
  Tensor counts({classes, classes}, DType::kInt64);
  const std::int64_t columns = prediction.shape()[-1];
  for (std::int64_t row = 0; row < prediction.shape()[0]; ++row) {
    const std::int64_t wanted = true_class(labels, row, columns);
    const std::int64_t predicted = argmax(prediction.data<float>().data() + row * columns, columns);
    if (wanted < 0 || wanted >= classes || predicted >= classes)
      fail("confusion_matrix", "classes must be in [0, {}). Got {} and {}.", classes, wanted, predicted);
    ++counts.data<std::int64_t>()[static_cast<std::size_t>(wanted * classes + predicted)];
  }
  return counts;
}

}  // namespace tutti
