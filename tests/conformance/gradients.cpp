// The gradients that add_gradients() writes, run by the reference engine in float64, against central differences.
#include <gtest/gtest.h>

#include <cmath>

#include <fmt/format.h>

#include "harness.h"
#include "tutti/engines/reference/reference.h"

namespace tutti::conformance {
namespace {

using namespace op;

// With a step of 1e-6 a central difference errs by about 1e-12 (cut-off, times the third derivative) and 1e-16 / 1e-6
// (rounding, times the loss's terms, of which there are some thousand).
constexpr double kStep = 1e-6;
constexpr double kTolerance = 1e-6;
// Inputs up to this size are tried element by element, larger ones along random directions.
constexpr std::int64_t kFewElements = 40;
constexpr int kDirections = 4;

// The op's inputs that have a gradient; none for ops that no forward pass has.
std::vector<std::size_t> differentiable_inputs(const Op& op, std::size_t count) {
  std::vector<std::size_t> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = i;
  const std::vector<std::size_t> none, first{0};
  return std::visit(
      Overloaded{[&](const Conv2D&) { return all; }, [&](const MatMul&) { return all; }, [&](const Binary&) { return all; },
                 [&](const Axpby&) { return all; }, [&](const Concat&) { return all; }, [&](const BatchNorm&) { return all; },
                 [&](const LayerNorm&) { return all; },
                 // Mean and variance are constants.
                 [&](const BatchNormInference&) {
                   return std::vector<std::size_t>{0, 1, 2};
                 },
                 [&](const Unary& unary) { return unary.kind == UnaryKind::kSign ? none : first; },
                 [&](const Loss&) { return first; }, [&](const Dropout&) { return first; },
                 [&](const MaxPool2D&) { return first; }, [&](const AveragePool2D&) { return first; },
                 [&](const Activation&) { return first; }, [&](const Affine&) { return first; },
                 [&](const Clip&) { return first; }, [&](const Reduce&) { return first; },
                 [&](const Softmax&) { return first; }, [&](const Pad&) { return first; }, [&](const Slice&) { return first; },
                 [&](const Upsample2D&) { return first; }, [&](const Reshape&) { return first; },
                 [&](const Transpose&) { return first; },
                 // Cast rounds; updates and gradient ops end a graph.
                 [&](const auto&) { return none; }},
      op);
}

// A difference would straddle a bend, or NaN and infinity: values are compared, slopes cannot be.
bool has_smooth_inputs(const Case& c) {
  for (const char* word : {"ties", "nan", "no_such_class", "saturated", "extremes"})
    if (c.name.find(word) != std::string::npos) return false;
  return true;
}

// loss = sum(weights * y), and its gradients.
class Differentiated {
 public:
  Differentiated(const Case& c, const std::vector<Tensor>& inputs, const std::vector<std::size_t>& wrt)
      : inputs_(inputs), engine_(make_reference_engine()) {
    for (std::size_t i = 0; i < inputs.size(); ++i) values_.push_back(graph_.input(fmt::format("x{}", i), inputs[i].type()));
    const ValueId y = graph_.add1(c.op, values_);
    Draws draw(DType::kFloat64);
    // Other numbers than the case's own, which come from the same streams.
    weights_ = draw.uniform(graph_.shape(y), -1.5, 1.7);
    const ValueId weights = graph_.input("weights", weights_.type());
    loss_ = graph_.add1(Reduce{ReduceKind::kSum, {}}, {graph_.add1(Binary{BinaryKind::kMul}, {y, weights})});
    std::vector<ValueId> targets;
    for (const std::size_t input : wrt) targets.push_back(values_[input]);
    gradients_ = add_gradients(graph_, loss_, targets);
    graph_.output("loss", loss_);
    for (std::size_t i = 0; i < gradients_.size(); ++i)
      if (gradients_[i] != kNoValue) graph_.output(fmt::format("gradient{}", i), gradients_[i]);
    values_.push_back(weights);
    inputs_.push_back(weights_);
    program_ = engine_->compile(graph_);
  }

  bool has_gradient(std::size_t i) const { return gradients_[i] != kNoValue; }
  Tensor gradient(std::size_t i) { return fetch(gradients_[i], inputs_); }
  // The loss with `input` moved by `distance` along `direction`.
  double loss_at(std::size_t input, const Tensor& direction, double distance) {
    std::vector<Tensor> moved = inputs_;
    moved[input] = inputs_[input].clone();
    for (std::size_t i = 0; i < direction.data<double>().size(); ++i)
      moved[input].data<double>()[i] += distance * direction.data<double>()[i];
    return fetch(loss_, moved).item();
  }

 private:
  Tensor fetch(ValueId value, const std::vector<Tensor>& inputs) {
    Tensor result(graph_.type(value));
    std::vector<Feed> feeds;
    for (std::size_t i = 0; i < inputs.size(); ++i) feeds.push_back({values_[i], inputs[i].view()});
    program_->run(feeds, std::vector<Fetch>{{value, result.view()}});
    return result;
  }

  std::vector<Tensor> inputs_;
  std::shared_ptr<Engine> engine_;
  Graph graph_;
  std::vector<ValueId> values_, gradients_;
  ValueId loss_ = kNoValue;
  Tensor weights_;
  std::unique_ptr<Program> program_;
};

std::vector<Tensor> directions_of(const Shape& shape) {
  std::vector<Tensor> directions;
  if (shape.elements() <= kFewElements) {
    for (std::int64_t i = 0; i < shape.elements(); ++i) {
      directions.emplace_back(shape, DType::kFloat64);
      directions.back().data<double>()[static_cast<std::size_t>(i)] = 1.0;
    }
    return directions;
  }
  Draws draw(DType::kFloat64);
  for (int i = 0; i < kDirections; ++i) directions.push_back(draw.normal(shape));
  return directions;
}

void check_gradient(Differentiated& function, std::size_t input, const Tensor& gradient) {
  for (const Tensor& direction : directions_of(gradient.shape())) {
    double slope = 0.0, magnitude = 0.0;
    for (std::size_t i = 0; i < gradient.data<double>().size(); ++i) {
      const double term = gradient.data<double>()[i] * direction.data<double>()[i];
      slope += term;
      magnitude += std::abs(term);
    }
    const double difference =
        (function.loss_at(input, direction, kStep) - function.loss_at(input, direction, -kStep)) / (2 * kStep);
    EXPECT_NEAR(slope, difference, kTolerance * std::max(1.0, magnitude)) << "input " << input;
  }
}

void check_case(const Case& c) {
  Draws draw(DType::kFloat64);
  const std::vector<Tensor> inputs = c.inputs(draw);
  const std::vector<std::size_t> wrt = differentiable_inputs(c.op, inputs.size());
  Differentiated function(c, inputs, wrt);
  for (std::size_t i = 0; i < wrt.size(); ++i) {
    ASSERT_TRUE(function.has_gradient(i)) << "input " << wrt[i];
    check_gradient(function, wrt[i], function.gradient(i));
  }
}

}  // namespace

void register_gradient_tests() {
  for (const Case& c : cases()) {
    if (!has_smooth_inputs(c) || differentiable_inputs(c.op, 1).empty()) continue;
    register_test("Gradients", c.name, [&c] { check_case(c); });
  }
}

}  // namespace tutti::conformance
