// The structure of the backward part. Its numbers are compared with finite differences in tests/conformance/.
#include <gmock/gmock.h>

#include <limits>

#include "tests/message_of.h"
#include "tutti/graph/graph.h"

namespace tutti {
namespace {

using namespace op;
using testing::HasSubstr;

TensorType f32(Shape shape) { return {DType::kFloat32, std::move(shape)}; }

int count_of(const Graph& graph, std::string_view name) {
  return static_cast<int>(
      std::count_if(graph.nodes().begin(), graph.nodes().end(), [&](const Node& node) { return name_of(node.op) == name; }));
}

ValueId gradient(Graph& graph, ValueId loss, ValueId wrt) { return add_gradients(graph, loss, std::vector{wrt}).front(); }

TEST(Gradients, TheFirstConvolutionGetsNoInputGradient) {
  Graph graph;
  const ValueId x = graph.input("x", f32({2, 8, 8, 3}));
  const ValueId k1 = graph.variable("k1", f32({3, 3, 3, 4})), k2 = graph.variable("k2", f32({3, 3, 4, 4}));
  const ValueId bias = graph.variable("bias", f32({4}));
  const ValueId hidden = graph.add1(Activation{ActivationKind::kRelu}, {graph.add1(Conv2D{}, {x, k1, bias})});
  const ValueId loss = graph.add1(Reduce{ReduceKind::kSum, {}}, {graph.add1(Conv2D{}, {hidden, k2})});
  const std::vector<ValueId> wrt{k1, bias, k2};
  const std::vector<ValueId> gradients = add_gradients(graph, loss, wrt);
  for (std::size_t i = 0; i < wrt.size(); ++i) EXPECT_EQ(graph.type(gradients[i]), graph.type(wrt[i]));
  EXPECT_EQ(count_of(graph, "Conv2DKernelGrad"), 2);
  EXPECT_EQ(count_of(graph, "Conv2DInputGrad"), 1);
}

TEST(Gradients, WhatIsNotAskedForIsNotComputed) {
  Graph graph;
  const ValueId x = graph.input("x", f32({2, 3}));
  const ValueId w1 = graph.variable("w1", f32({3, 4})), w2 = graph.variable("w2", f32({4, 5}));
  const ValueId hidden = graph.add1(MatMul{}, {x, w1});
  const ValueId loss = graph.add1(Reduce{ReduceKind::kMean, {}}, {graph.add1(MatMul{}, {hidden, w2})});
  EXPECT_NE(gradient(graph, loss, w2), kNoValue);
  EXPECT_EQ(count_of(graph, "MatMul"), 3);  // two forward, one gradient: frozen w1 costs nothing
}

TEST(Gradients, ActivationsSaveOutputOrInput) {
  for (const ActivationKind kind : {ActivationKind::kRelu, ActivationKind::kGelu}) {
    Graph graph;
    const ValueId x = graph.variable("x", f32({3}));
    const ValueId y = graph.add1(Activation{kind}, {x});
    gradient(graph, graph.add1(Reduce{ReduceKind::kSum, {}}, {y}), x);
    EXPECT_EQ(graph.nodes().back().inputs[1], gradient_uses_output(kind) ? y : x);
  }
}

TEST(Gradients, ClipPassesBetweenItsFiniteBounds) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto attributes = [](double low, double high) {
    Graph graph;
    const ValueId x = graph.variable("x", f32({3}));
    const ValueId loss = graph.add1(Reduce{ReduceKind::kSum, {}}, {graph.add1(Clip{low, high}, {x})});
    if (gradient(graph, loss, x) == kNoValue) return std::string("none");
    const Node& last = graph.nodes().back();
    const int saved = last.inputs.size() < 2 ? -1 : graph.values()[static_cast<std::size_t>(last.inputs[1])].producer;
    return attributes_of(last.op) +
           (saved < 0 ? "" : " at " + attributes_of(graph.nodes()[static_cast<std::size_t>(saved)].op));
  };
  EXPECT_EQ(attributes(2, 6), "kind=hard_tanh at scale=0.5 offset=-2");
  EXPECT_EQ(attributes(2, kInfinity), "kind=relu at offset=-2");
  EXPECT_EQ(attributes(-kInfinity, 2), "kind=relu at scale=-1 offset=2");
  EXPECT_EQ(attributes(-kInfinity, kInfinity), "value=1");
  EXPECT_EQ(attributes(2, 2), "none");
}

TEST(Gradients, PathsAreSummed) {
  Graph graph;
  const ValueId x = graph.variable("x", f32({3}));
  const ValueId y = graph.add1(Binary{BinaryKind::kMul}, {x, x});
  const ValueId dx = gradient(graph, graph.add1(Reduce{ReduceKind::kSum, {}}, {y}), x);
  const Node& last = graph.nodes().back();
  EXPECT_EQ(last.outputs.front(), dx);
  EXPECT_EQ(attributes_of(last.op), "kind=add");
}

TEST(Gradients, NoPathGivesNoValue) {
  Graph graph;
  const ValueId x = graph.variable("x", f32({2, 3})), other = graph.variable("other", f32({3}));
  const ValueId target = graph.variable("target", f32({2, 3})), step = graph.variable("step", {DType::kInt64, {}});
  const ValueId losses = graph.add1(Loss{{LossKind::kMeanSquaredError}}, {x, target});
  const ValueId loss = graph.add1(Reduce{ReduceKind::kMean, {}}, {losses});
  const std::vector<ValueId> gradients = add_gradients(graph, loss, std::vector{x, other, target, step, losses});
  EXPECT_NE(gradients[0], kNoValue);
  EXPECT_EQ(gradients[1], kNoValue);
  EXPECT_EQ(gradients[2], kNoValue);  // targets have no gradient
  EXPECT_EQ(gradients[3], kNoValue);
  EXPECT_NE(gradients[4], kNoValue);  // a value between the nodes
}

TEST(Gradients, RoundingToIntegersEndsThePath) {
  Graph graph;
  const ValueId x = graph.variable("x", f32({}));
  const ValueId whole = graph.add1(Cast{DType::kInt32}, {x});
  EXPECT_EQ(gradient(graph, graph.add1(Cast{DType::kFloat32}, {whole}), x), kNoValue);
}

TEST(Gradients, RefusesWhatHasNone) {
  Graph graph;
  const ValueId x = graph.variable("x", f32({2, 3})), c = graph.variable("c", f32({3}));
  const auto message = [&](ValueId loss) { return message_of([&] { gradient(graph, loss, x); }); };
  EXPECT_THAT(message(x), HasSubstr("Expected float32 () or float64 (). Got float32 (2, 3)."));
  const ValueId mean = graph.add(BatchNorm{}, {x, c, c})[1];
  EXPECT_THAT(message(graph.add1(Reduce{ReduceKind::kSum, {}}, {mean})), HasSubstr("[BatchNorm] only output 0 has a gradient"));
  const ValueId clipped = graph.add1(ClipByNorm{1}, {x, graph.add1(Reduce{ReduceKind::kSumSquares, {}}, {x})});
  EXPECT_THAT(message(graph.add1(Reduce{ReduceKind::kSum, {}}, {clipped})), HasSubstr("[ClipByNorm] this op has no gradient"));
}

}  // namespace
}  // namespace tutti
