// A model's step on its engine, with a batch of drawn numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "tutti/engine/engine.h"
#include "tutti/nn/graph_writer.h"
#include "tutti/nn/model.h"

namespace tutti {

class EngineStep {
 public:
  // `model` is compiled. The batch: pixels 0 to 255, labels below the number of the model's outputs.
  EngineStep(const Model& model, Purpose purpose, std::int64_t batch_size);

  void run() { program().run(feeds_, fetches_); }
  std::vector<StepTime> run_timed() { return program().run_timed(feeds_, fetches_); }
  const Model& model() const { return model_; }
  const Graph& graph() const { return *graph_; }
  Program& program() const { return *program_; }

 private:
  Model model_;  // owns the two
  const Graph* graph_;
  Program* program_;
  std::vector<Tensor> batch_, outputs_;
  std::vector<Feed> feeds_;
  std::vector<Fetch> fetches_;
};

}  // namespace tutti
