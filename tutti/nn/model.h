// Model: layers, their weights, and what Keras users do with them.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tutti/data/augment.h"
#include "tutti/data/dataset.h"
#include "tutti/nn/callback.h"
#include "tutti/nn/layer.h"
#include "tutti/nn/logs.h"
#include "tutti/nn/losses.h"
#include "tutti/nn/metrics.h"
#include "tutti/nn/optimizer.h"
#include "tutti/nn/symbol.h"

namespace tutti {

struct CompileOptions {
  Optimizer optimizer = "rmsprop";
  std::optional<LossFunction> loss = {};
  std::vector<std::string> metrics = {};
  // "" means $TUTTI_ENGINE / $TUTTI_DEVICE, else native on the CPU.
  std::string engine = {}, device = {};
};

struct FitOptions {
  int batch_size = 32;
  int epochs = 1;
  int initial_epoch = 0;
  // Keras: 0 silent, 1 progress bar, 2 one line an epoch.
  int verbose = 1;
  std::optional<Dataset> validation = {};
  double validation_split = 0.0;  // the last fraction, before shuffling
  int validation_batch_size = 0;  // 0: batch_size
  bool shuffle = true;
  // Keys the order of batches and the dropout masks (with the epoch and the step); default: seed().
  std::optional<std::uint64_t> seed = {};
  Augmentations augmentations = {};  // of training samples only
  std::vector<CallbackPtr> callbacks = {};
  // Goes on where another fit with the same data and options stopped, in place of initial_epoch. The caller brings back weights
  // and optimizer_state().
  std::optional<TrainingState> resume = {};
};

struct EvaluateOptions {
  int batch_size = 32;
  int verbose = 0;
};

struct PredictOptions {
  int batch_size = 32;
};

// One layer applied once.
struct ModelNode {
  LayerPtr layer;
  std::vector<int> inputs;  // indices of nodes
  Shape shape;              // -1 for the batch
};

// Everything that fit() carries from step to step beside the weights.
struct OptimizerState {
  std::int64_t step = 0;
  double learning_rate = 0.0;
  std::vector<Tensor> scalars;
  std::vector<std::vector<Tensor>> slots;  // [trainable weight, in model order][slot]
};

// A handle: copies are the same model. Not thread-safe.
class Model {
 public:
  Model(Symbol input, Symbol output, std::string name = "");
  Model(std::vector<Symbol> inputs, std::vector<Symbol> outputs, std::string name = "");

  const std::string& name() const;
  bool is_sequential() const;
  // In topological order; a shared layer has several nodes.
  const std::vector<ModelNode>& nodes() const;
  const std::vector<int>& input_nodes() const;
  const std::vector<int>& output_nodes() const;
  // Each layer once, in Keras's order (a functional model's by depth); input layers included.
  const std::vector<LayerPtr>& layers() const;
  // Error if absent.
  Layer& layer(std::string_view name) const;
  std::int64_t count_params() const;

  // All weights, layer by layer; Keras's get_weights order.
  std::vector<Tensor> get_weights() const;
  // Error names the first weight whose shape differs.
  void set_weights(const std::vector<Tensor>& values);
  // The Weight records in the order of get_weights, their values brought up to date from the engine.
  std::vector<Weight*> weights() const;
  std::vector<Weight*> trainable_weights() const;
  // Draws new initial weights from `seed`; construction did so with seed().
  void initialize(std::uint64_t seed);

  // May be called again: new optimizer state, the same weights.
  void compile(CompileOptions options);
  bool is_compiled() const;
  const CompileOptions& compiled() const;  // Error if not compiled
  // The engine that runs (or would run) this model.
  std::string engine_name() const;

  History fit(const Dataset& data, FitOptions options = {});
  // y: class indices int32 (n,) or targets.
  History fit(const Tensor& x, const Tensor& y, FitOptions options = {});
  // "loss" and the metrics.
  Logs evaluate(const Dataset& data, EvaluateOptions options = {});
  Logs evaluate(const Tensor& x, const Tensor& y, EvaluateOptions options = {});
  // (n, ...) float32. x is converted to float32.
  Tensor predict(const Tensor& x, PredictOptions options = {});
  Tensor predict(const Dataset& data, PredictOptions options = {});
  // Several inputs or outputs.
  std::vector<Tensor> predict_all(const std::vector<Tensor>& inputs, PredictOptions options = {});
  // One step; "loss" and metrics of this batch.
  Logs train_on_batch(const Tensor& x, const Tensor& y);

  // The learning rate of the next step.
  double learning_rate() const;
  void set_learning_rate(double value);
  OptimizerState optimizer_state() const;
  void set_optimizer_state(const OptimizerState& state);

  // Keras's table; width 0 is Keras's default.
  void summary() const;
  std::string summary_text(int width = 0) const;
  // For `tutti graph`: one training step (compiled), or inference.
  Graph training_graph(std::int64_t batch_size) const;
  Graph inference_graph(std::int64_t batch_size) const;

  // Defined in formats/keras. The extension picks the format: .h5, .hdf5 (later .keras).
  void save(const std::filesystem::path& path, bool include_optimizer = true) const;
  void save_weights(const std::filesystem::path& path) const;
  void load_weights(const std::filesystem::path& path);
  // Keras 3's model.to_json().
  std::string to_json() const;

  struct State;
  State& state() const { return *state_; }

 protected:
  explicit Model(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

class Sequential : public Model {
 public:
  // The first must be Input(...). Error names the layer whose input does not fit.
  Sequential(std::initializer_list<LayerHandle> layers, std::string name = "");
  explicit Sequential(std::vector<LayerHandle> layers, std::string name = "");
};

// Defined in formats/keras. Reads .h5 and .hdf5 of Keras 1 to 3; compiled if the file says how.
Model load_model(const std::filesystem::path& path, bool compile = true);
// From Keras's model.json text (no weights).
Model model_from_json(std::string_view json);

// The process's default seed for weights and fits: first value $TUTTI_SEED, else 0.
std::uint64_t seed();
void set_seed(std::uint64_t value);

}  // namespace tutti
