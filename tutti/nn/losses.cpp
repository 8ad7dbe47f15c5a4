#include "tutti/nn/losses.h"

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/nn/json_fields.h"

namespace tutti {
namespace {

using Kind = op::LossKind;

struct Row {
  Kind kind;
  const char* name;  // Keras's function name
  const char* class_name;
  const char* short_name;
};
constexpr Row kRows[] = {
    {Kind::kCategoricalCrossEntropy, "categorical_crossentropy", "CategoricalCrossentropy", ""},
    {Kind::kSparseCategoricalCrossEntropy, "sparse_categorical_crossentropy", "SparseCategoricalCrossentropy", ""},
    {Kind::kBinaryCrossEntropy, "binary_crossentropy", "BinaryCrossentropy", "bce"},
    {Kind::kMeanSquaredError, "mean_squared_error", "MeanSquaredError", "mse"},
    {Kind::kMeanAbsoluteError, "mean_absolute_error", "MeanAbsoluteError", "mae"},
    {Kind::kHuber, "huber", "Huber", "huber_loss"},
};

const Row& row_of(Kind kind) {
  for (const Row& row : kRows)
    if (row.kind == kind) return row;
  fail("loss", "unknown kind.");
}

void check(const op::LossAttributes& attributes) {
  const double smoothing = attributes.label_smoothing;
  if (!(smoothing >= 0 && smoothing <= 1)) fail("loss", "label_smoothing must be in [0, 1]. Got {}.", smoothing);
  if (attributes.kind == Kind::kSparseCategoricalCrossEntropy && smoothing != 0)
    fail("loss", "label_smoothing needs one-hot targets: use categorical_crossentropy.");
  if (!(attributes.delta > 0)) fail("loss", "delta must be positive. Got {}.", attributes.delta);
}

}  // namespace

LossFunction::LossFunction(std::string_view loss_name) {
  std::string folded(loss_name);
  for (char& c : folded) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const Row& row : kRows)
    if (loss_name == row.class_name || folded == row.name || (*row.short_name && folded == row.short_name)) {
      attributes_.kind = row.kind;
      return;
    }
  std::string known;
  for (const Row& row : kRows) known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
  fail("loss", "unknown loss. Expected one of: {}. Got {}.", known, loss_name);
}

LossFunction::LossFunction(op::LossAttributes attributes) : attributes_(attributes) { check(attributes_); }

std::string LossFunction::name() const { return row_of(attributes_.kind).name; }

Json LossFunction::config() const {
  const Row& row = row_of(attributes_.kind);
  const bool plain = !attributes_.from_logits && attributes_.label_smoothing == 0.0 && attributes_.delta == 1.0;
  if (plain) return row.name;
  Json options = {{"name", attributes_.kind == Kind::kHuber ? "huber_loss" : row.name}, {"reduction", "sum_over_batch_size"}};
  if (attributes_.kind == Kind::kHuber) {
    options["delta"] = attributes_.delta;
  } else {
    options["from_logits"] = attributes_.from_logits;
    if (!is_sparse()) options["label_smoothing"] = attributes_.label_smoothing, options["axis"] = -1;
  }
  return {{"module", "keras.losses"}, {"class_name", row.class_name}, {"config", options}, {"registered_name", nullptr}};
}

LossFunction LossFunction::from_config(const Json& config) {
  const NamedConfig named = read_named_config("loss", config);
  LossFunction loss(named.name);
  if (!named.options) return loss;
  const JsonFields options(loss.name(), *named.options);
  // null is Keras's "none".
  const bool none = named.options->contains("reduction") && !options.find("reduction");
  const std::string reduction = none ? "none" : options.text("reduction", "sum_over_batch_size");
  if (reduction != "sum_over_batch_size" && reduction != "auto" && reduction != "mean")
    fail("loss", "reduction {} is not supported. Expected sum_over_batch_size.", reduction);
  if (options.find("ignore_class")) fail("loss", "ignore_class is not supported.");
  if (options.number("axis", -1) != -1) fail("loss", "only axis -1 is supported. Got {}.", options.number("axis", -1));
  op::LossAttributes& attributes = loss.attributes_;
  attributes.from_logits = options.flag("from_logits", false);
  attributes.label_smoothing = options.number("label_smoothing", 0.0);
  attributes.delta = options.number("delta", 1.0);
  check(attributes);
  return loss;
}

LossFunction CategoricalCrossentropy(CrossentropyOptions options) {
  return op::LossAttributes{Kind::kCategoricalCrossEntropy, options.from_logits, options.label_smoothing};
}
LossFunction SparseCategoricalCrossentropy(CrossentropyOptions options) {
  return op::LossAttributes{Kind::kSparseCategoricalCrossEntropy, options.from_logits, options.label_smoothing};
}
LossFunction BinaryCrossentropy(CrossentropyOptions options) {
  return op::LossAttributes{Kind::kBinaryCrossEntropy, options.from_logits, options.label_smoothing};
}
LossFunction MeanSquaredError() { return op::LossAttributes{Kind::kMeanSquaredError}; }
LossFunction MeanAbsoluteError() { return op::LossAttributes{Kind::kMeanAbsoluteError}; }
LossFunction Huber(double delta) { return op::LossAttributes{.kind = Kind::kHuber, .delta = delta}; }

}  // namespace tutti
