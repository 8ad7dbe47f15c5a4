// Do the engines agree? The same weights, the same batches, layer by layer and step by step.
#pragma once

#include <string>
#include <vector>

#include "tutti/data/dataset.h"
#include "tutti/engine/engine.h"
#include "tutti/experiment/spec.h"
#include "tutti/nn/model.h"

namespace tutti {

// ||a - b|| / ||b|| of one layer's output and of the loss's gradient there and in its weights (the largest); b is the oracle's.
// NaN if there is no such gradient; infinite where only one of two is zero or any number is not finite.
struct LayerDifference {
  std::string layer;
  double forward = 0.0, backward = 0.0;
};

// How far an engine may be from the oracle. Sums of float32 in another order differ by about 1e-6 a layer, and from layer to
// layer they add up. Gradients jump where a ReLU or a maximum is undecided within that: one such element of n moves a gradient
// by about 1 / sqrt(n), measured 1.5e-3 in the reference CNN. A wrong kernel is off by several hundredths.
struct Tolerances {
  double forward = 1e-4, backward = 1e-2;
  // Of the loss curve, relative: `loss`, and `chaos` times as much as trainings of the same engine differ whose first weights
  // differ in the last bit. Training amplifies rounding errors from step to step: where a gradient is next to nothing, Adam
  // takes a whole step to one side or the other. Measured on the reference CNN after 50 steps: up to 0.05.
  double loss = 1e-3, chaos = 5;
};

// One training step of a compiled model on a batch (x float32, y) by both engines, in the order of the layers. `model` is not
// changed. The graph has every layer's output, so an engine that fuses layers does so less than in training.
std::vector<LayerDifference> compare_layers(const Model& model, Engine& engine, Engine& oracle, const Batch& batch);

// The layer that disagrees first: in the order of the forward pass, then of the backward pass. Empty if all agree.
std::string first_disagreement(const std::vector<LayerDifference>& layers, const Tolerances& tolerances);

struct EngineVerdict {
  std::string engine;
  std::vector<LayerDifference> layers;
  std::vector<double> losses;    // of each step
  double loss_difference = 0.0;  // the largest relative one from the oracle's
  double chaos = 0.0;            // the same between its own trainings whose first weights differ in the last bit
  std::string disagreement;      // what is wrong, one line; empty if the engine agrees
};

struct Verification {
  std::string oracle;
  std::vector<double> losses;  // the oracle's
  std::vector<EngineVerdict> engines;
  bool ok() const;
};

struct VerifyOptions {
  std::vector<std::string> engines;
  std::string oracle = "reference";
  int steps = 50;
  Tolerances tolerances = {};
};

// Compares the engines on the spec's model, fit and training data. An engine that is not available is an Error.
Verification verify(const Spec& spec, const VerifyOptions& options);

}  // namespace tutti
