#include "tutti/graph/graph.h"

#include <gmock/gmock.h>

#include "tests/message_of.h"

namespace tutti {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TensorType f32(Shape shape) { return {DType::kFloat32, std::move(shape)}; }

TEST(Op, NamesEveryAlternative) {
  EXPECT_EQ(name_of(Op(op::Conv2D{})), "Conv2D");
  EXPECT_EQ(name_of(Op(op::BatchNormInferenceGrad{})), "BatchNormInferenceGrad");
  EXPECT_EQ(name_of(Op(op::LossGrad{})), "LossGrad");
  EXPECT_EQ(name_of(Op(op::Increment{})), "Increment");
}

TEST(Op, PrintsAttributesThatAreNotDefault) {
  op::Conv2D conv;
  EXPECT_EQ(attributes_of(conv), "");
  conv.strides = {2, 3};
  conv.groups = 4;
  conv.padding = {0, 1, 0, 1};
  EXPECT_EQ(attributes_of(conv), "strides=2x3 padding=0,1,0,1 groups=4");
  EXPECT_EQ(attributes_of(op::Reduce{op::ReduceKind::kMean, {0, 2}, true}), "kind=mean axes=(0, 2) keep_dims=true");
  EXPECT_EQ(attributes_of(op::Activation{op::ActivationKind::kElu, 0.5}), "kind=elu alpha=0.5");
  EXPECT_EQ(attributes_of(op::AdamUpdate{.weight_decay = 0.01}), "weight_decay=0.01");
}

TEST(Op, UpdatesRunInPlaceOnTheInputOfTheSameName) {
  const Op adam = op::AdamUpdate{};  // w, g, lr, step, m, v -> w, m, v
  EXPECT_EQ(in_place_input(adam, 0), 0);
  EXPECT_EQ(in_place_input(adam, 1), 4);
  EXPECT_EQ(in_place_input(adam, 2), 5);
  EXPECT_EQ(in_place_input(op::SgdUpdate{.momentum = 0.9}, 1), 3);
  EXPECT_EQ(in_place_input(op::Activation{op::ActivationKind::kRelu}, 0), 0);
  EXPECT_EQ(in_place_input(op::Binary{op::BinaryKind::kAdd}, 0), -1);
  EXPECT_EQ(in_place_input(op::MaxPool2D{}, 1), -1);
}

TEST(Op, DropoutThresholdIsTheRateOfAllWords) {
  EXPECT_EQ(op::dropout_threshold(0), 0u);
  EXPECT_EQ(op::dropout_threshold(0.25), 1u << 30);
  EXPECT_EQ(op::dropout_threshold(1), 0xFFFFFFFFu);
}

TEST(Graph, KeepsTypesAndProducers) {
  Graph graph;
  const ValueId x = graph.input("x", f32({2, 8, 8, 3}));
  const ValueId kernel = graph.variable("kernel", f32({3, 3, 3, 4}));
  const std::vector<ValueId> pooled = graph.add(op::MaxPool2D{}, {graph.add1(op::Conv2D{}, {x, kernel})});
  ASSERT_EQ(pooled.size(), 2u);
  EXPECT_EQ(graph.type(pooled[0]), f32({2, 3, 3, 4}));
  EXPECT_EQ(graph.type(pooled[1]), (TensorType{DType::kInt32, {2, 3, 3, 4}}));
  EXPECT_EQ(graph.values()[static_cast<std::size_t>(pooled[1])].producer, 1);
  EXPECT_EQ(graph.values()[static_cast<std::size_t>(pooled[1])].output, 1);
  EXPECT_EQ(graph.find_input("x"), x);
  EXPECT_EQ(graph.find_input("kernel"), std::nullopt);
  EXPECT_EQ(graph.find_variable("kernel"), 0);
  EXPECT_EQ(graph.variable_of(kernel), 0);
  EXPECT_EQ(graph.variable_of(x), std::nullopt);
  graph.output("y", pooled[0]);
  EXPECT_EQ(graph.find_output("y"), pooled[0]);
}

TEST(Graph, RefusesWhatDoesNotFit) {
  Graph graph;
  const ValueId x = graph.input("x", f32({2, 3}));
  const ValueId w = graph.variable("w", f32({3}));
  EXPECT_THAT(message_of([&] { graph.input("x", f32({1})); }), HasSubstr("already an input named x"));
  EXPECT_THAT(message_of([&] { graph.variable("w", f32({1})); }), HasSubstr("already a variable named w"));
  EXPECT_THAT(message_of([&] { graph.input("batch", f32({-1, 3})); }), HasSubstr("input batch has an empty or unknown axis"));
  EXPECT_THAT(message_of([&] { graph.update(x, x); }), HasSubstr("only a variable can be updated"));
  EXPECT_THAT(message_of([&] { graph.update(w, x); }), HasSubstr("Expected float32 (3,). Got float32 (2, 3)."));
  graph.update(w, w);
  EXPECT_THAT(message_of([&] { graph.update(w, w); }), HasSubstr("has an update already"));
  EXPECT_THAT(message_of([&] { graph.output("y", 17); }), HasSubstr("Expected 0 to 1. Got 17."));
  EXPECT_THAT(message_of([&] { graph.add(op::Affine{}, {kNoValue}); }), HasSubstr("[Affine] there is no such value"));
  graph.output("y", x);
  EXPECT_THAT(message_of([&] { graph.output("y", x); }), HasSubstr("already an output named y"));
}

TEST(Graph, AFailedAddLeavesTheGraphAsItWas) {
  Graph graph;
  const ValueId x = graph.input("x", f32({2, 3}));
  EXPECT_THROW(graph.add(op::MatMul{}, {x, x}), Error);
  EXPECT_TRUE(graph.nodes().empty());
  EXPECT_EQ(graph.values().size(), 1u);
}

Graph small_graph() {
  Graph graph;
  const ValueId x = graph.input("x", f32({2, 3}));
  const ValueId w = graph.variable("w", f32({3, 4}));
  const ValueId y = graph.add1(op::Activation{op::ActivationKind::kTanh}, {graph.add1(op::MatMul{}, {x, w})});
  graph.update(w, graph.add1(op::Affine{0.5, 0}, {w}));
  graph.output("y", y);
  return graph;
}

TEST(Dump, ShowsOneLineANode) {
  EXPECT_EQ(dump(small_graph()),
            "graph: 3 nodes, 1 variable, 1 update\n"
            "input %0 x: float32 (2, 3)\n"
            "variable %1 w: float32 (3, 4)\n"
            "%2 = MatMul(%0, %1): float32 (2, 4)\n"
            "%3 = Activation(%2) kind=tanh: float32 (2, 4)\n"
            "%4 = Affine(%1) scale=0.5: float32 (3, 4)\n"
            "update w := %4\n"
            "output y = %3\n");
}

TEST(Dump, WritesGraphviz) {
  Graph graph = small_graph();
  graph.input("a \"quoted\" name", f32({1}));
  const std::string dot = dump_dot(graph);
  EXPECT_THAT(dot, HasSubstr("digraph tutti {"));
  EXPECT_THAT(dot, HasSubstr("n0 -> n1 [label=\"(2, 4)\"];"));
  EXPECT_THAT(dot, HasSubstr("n1 [label=\"Activation kind=tanh\"];"));
  EXPECT_THAT(dot, HasSubstr("n2 -> v1 [label=\"(3, 4)\", style=dashed, constraint=false];"));
  EXPECT_THAT(dot, HasSubstr("a \\\"quoted\\\" name"));
  EXPECT_THAT(dot, testing::EndsWith("}\n"));
}

}  // namespace
}  // namespace tutti
