#include "tutti/ensemble/ensemble.h"

#include "tutti/base/error.h"
#include "tutti/ensemble/calibration.h"
#include "tutti/ensemble/combine.h"

namespace tutti {
namespace {

std::vector<Tensor> scaled(std::span<const Tensor> predictions, std::span<const double> temperatures) {
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < predictions.size(); ++i) result.push_back(scale_temperature(predictions[i], temperatures[i]));
  return result;
}

}  // namespace

bool needs_one_validation_split(const EnsembleOptions& options) {
  const bool simple = options.weights == WeightRule::kUniform || options.weights == WeightRule::kAccuracy;
  return !simple || options.calibrate_members || options.calibrate_ensemble;
}

std::string describe(const EnsembleOptions& options) {
  std::string text(name_of(options.weights));
  if (options.calibrate_members && options.calibrate_ensemble) return text + ", members and ensemble calibrated";
  if (options.calibrate_members) return text + ", members calibrated";
  if (options.calibrate_ensemble) return text + ", ensemble calibrated";
  return text;
}

Tensor Ensemble::predict(std::span<const Tensor> predictions) const {
  if (predictions.size() != temperatures.size())
    fail("ensemble", "expected predictions of {} members. Got {}.", temperatures.size(), predictions.size());
  return scale_temperature(combine(scaled(predictions, temperatures), weights), temperature);
}

Ensemble fit_ensemble(std::span<const Tensor> predictions, const Tensor& labels, const EnsembleOptions& options) {
  Ensemble ensemble{.weights = {}, .temperatures = std::vector<double>(predictions.size(), 1.0)};
  if (options.calibrate_members)
    for (std::size_t i = 0; i < predictions.size(); ++i) ensemble.temperatures[i] = fit_temperature(predictions[i], labels);
  ensemble.weights = ensemble_weights(options.weights, scaled(predictions, ensemble.temperatures), labels);
  if (options.calibrate_ensemble) ensemble.temperature = fit_temperature(ensemble.predict(predictions), labels);
  return ensemble;
}

}  // namespace tutti
