// A model's compiled programs: one for each purpose and batch size, all on the same variables.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "tutti/engine/engine.h"
#include "tutti/nn/graph_writer.h"
#include "tutti/nn/model.h"

namespace tutti {

class Programs {
 public:
  // Those of `model`, made if need be.
  static Programs& of(const Model& model);
  // Those of `model` from now on: on this engine, compiled or not.
  static Programs& on(const Model& model, std::shared_ptr<Engine> engine);
  Programs(Model::State& state, std::shared_ptr<Engine> engine);

  // A graph and its program. Valid until the next call of get().
  struct Compiled {
    GraphRequest request;
    Graph graph;
    std::unique_ptr<Program> program;
  };
  Compiled& get(const GraphRequest& request);
  Engine& engine() { return *engine_; }
  // True once the optimizer's variables exist.
  bool has_trainer() const;

  // Weights have changed on the engine (after a training step).
  void mark_trained() { weights_behind_ = true; }
  // Engine to Weight::value, if they changed.
  void pull_weights();
  // Weight::value to the engine.
  void push_weights();

  double learning_rate() const { return learning_rate_; }
  void set_learning_rate(double value);
  OptimizerState optimizer_state();
  // Error if the number or shapes of slots do not fit the optimizer.
  void set_optimizer_state(const OptimizerState& state);

 private:
  // A training program: it has the optimizer's variables.
  Compiled& trainer();
  void initialize_optimizer(Compiled& trainer);
  void evict();

  Model::State& state_;  // owns this
  std::shared_ptr<Engine> engine_;
  // Most recently used first. Programs of odd batch sizes are dropped when there are many.
  std::list<Compiled> compiled_;
  bool weights_behind_ = false;
  double learning_rate_ = 0.0;
};

}  // namespace tutti
