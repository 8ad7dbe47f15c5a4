// An ensemble: what turns the predictions of several models into one, fitted on the validation split.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tutti/ensemble/weights.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

struct EnsembleOptions {
  WeightRule weights = WeightRule::kAccuracy;
  bool calibrate_members = false;   // each member's temperature, before the weights
  bool calibrate_ensemble = false;  // the temperature of the whole, after them
};

// True if the members' predictions of the same validation images are needed; uniform and accuracy weights alone do without.
bool needs_one_validation_split(const EnsembleOptions& options);

// "accuracy", "likelihood, members calibrated", "greedy, members and ensemble calibrated".
std::string describe(const EnsembleOptions& options);

struct Ensemble {
  std::vector<double> weights;       // of sum 1, one a member
  std::vector<double> temperatures;  // one a member
  double temperature = 1.0;          // of the whole

  // predictions: a float32 (n, classes) a member, in the members' order. Error if their number or shapes do not fit.
  Tensor predict(std::span<const Tensor> predictions) const;
};

// predictions and labels: of the validation split, which the ensemble is then no fair judge of any more.
Ensemble fit_ensemble(std::span<const Tensor> predictions, const Tensor& labels, const EnsembleOptions& options = {});

}  // namespace tutti
