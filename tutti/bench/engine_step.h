// A model's step on its engine, with a batch of drawn numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "tutti/engine/engine.h"
#include "tutti/nn/graph_writer.h"
#include "tutti/nn/model.h"
#include "tutti/nn/programs.h"

namespace tutti {

class EngineStep {
 public:
  // `model` is compiled, or the purpose needs no loss. The batch: pixels 0 to 255, labels below the number of its outputs.
  EngineStep(const Model& model, Purpose purpose, std::int64_t batch_size);

  void run() { program().run(feeds_, fetches_); }
  std::vector<StepTime> run_timed() { return program().run_timed(feeds_, fetches_); }
  const Model& model() const { return model_; }
  const Graph& graph() const { return compiled().graph; }
  Program& program() const { return *compiled().program; }

 private:
  Programs::Compiled& compiled() const { return Programs::of(model_).get(request_); }  // made again if the model dropped it

  Model model_;
  GraphRequest request_;
  std::vector<Tensor> batch_, outputs_;
  std::vector<Feed> feeds_;
  std::vector<Fetch> fetches_;
};

}  // namespace tutti
