// THE table of cases: what every engine is compared on and what the benchmarks time. No test framework here.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tutti/engine/engine.h"

namespace tutti::conformance {

// Draws the inputs of a case; the same values on every run and machine. Floating tensors have the type given here.
class Draws {
 public:
  explicit Draws(DType dtype) : dtype_(dtype) {}

  // Standard normal times `scale` plus `mean`.
  Tensor normal(Shape shape, double scale = 1.0, double mean = 0.0);
  // Uniform in [low, high).
  Tensor uniform(Shape shape, double low = 0.0, double high = 1.0);
  // Uniform among the whole numbers 0 ... bound - 1, so that ties are many.
  Tensor whole_numbers(Shape shape, int bound);
  // Rows (last axis) of positive numbers that sum to 1.
  Tensor probabilities(Shape shape);
  // Rows with a single 1.
  Tensor one_hot(Shape shape);
  // int32 in [0, classes).
  Tensor labels(Shape shape, int classes);
  // uint8, 1 with probability 3/4.
  Tensor mask(Shape shape);
  // uint8 in [0, 256).
  Tensor pixels(Shape shape);
  // `values` as floating numbers.
  Tensor of(Shape shape, const std::vector<double>& values) const;
  Tensor scalar(double value) const { return of({}, {value}); }
  // Learning rates are float32 whatever the weights are.
  static Tensor learning_rate(float value) { return Tensor::scalar(value); }
  static Tensor step(std::int64_t value) { return Tensor::scalar(value); }
  // What the reference engine computes: the saved outputs that gradient ops take.
  static std::vector<Tensor> run(const Op& op, const std::vector<Tensor>& inputs);

  DType dtype() const { return dtype_; }

 private:
  DType dtype_;
  std::uint32_t stream_ = 0;  // one a draw
};

struct Case {
  std::string name;  // "Conv2D_3x3_same_s2": the op's name, then what is special
  Op op;
  std::function<std::vector<Tensor>(Draws&)> inputs;
};

// All cases; names are unique.
const std::vector<Case>& cases();

// The call that a case makes, its types inferred. Error if the case is wrong.
OpCall call_of(const Op& op, const std::vector<Tensor>& inputs);

// The families, each in its file.
void add_convolutions(std::vector<Case>& cases);  // and matrix products
void add_pools(std::vector<Case>& cases);
void add_elementwise(std::vector<Case>& cases);
void add_reductions(std::vector<Case>& cases);  // and softmax, normalisation, dropout
void add_layouts(std::vector<Case>& cases);
void add_losses(std::vector<Case>& cases);
void add_optimizers(std::vector<Case>& cases);

}  // namespace tutti::conformance
