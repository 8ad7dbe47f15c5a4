#include "tutti/engine/buffer_plan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tutti/tensor/tensor.h"

namespace tutti {
namespace {

using namespace op;
using testing::ElementsAre;
using testing::IsEmpty;
using Place = BufferPlan::Place;

TensorType f32(Shape shape) { return {DType::kFloat32, std::move(shape)}; }

// An op that may not run in place.
ValueId doubled(Graph& graph, ValueId x) { return graph.add1(Binary{BinaryKind::kAdd}, {x, x}); }

const BufferPlan::Location& at(const BufferPlan& plan, ValueId value) { return plan.values[static_cast<std::size_t>(value)]; }

TEST(BufferPlan, DeadNodesDoNotRun) {
  Graph graph;
  const ValueId x = graph.input("x", f32({4}));
  const ValueId unused = doubled(graph, doubled(graph, x));
  graph.output("y", doubled(graph, x));
  const BufferPlan plan = plan_buffers(graph);
  EXPECT_THAT(plan.nodes, ElementsAre(2));
  EXPECT_EQ(at(plan, unused).place, Place::kNowhere);
  EXPECT_EQ(at(plan, x).place, Place::kFeed);
}

TEST(BufferPlan, AChainNeedsTwoBuffers) {
  Graph graph;
  ValueId y = graph.input("x", f32({100}));  // 400 bytes: 448 when aligned
  for (int layer = 0; layer < 10; ++layer) y = doubled(graph, y);
  graph.output("y", y);
  const BufferPlan plan = plan_buffers(graph);
  EXPECT_EQ(plan.arena_bytes, 2u * 448);
  for (const BufferPlan::Location& location : plan.values) EXPECT_EQ(location.offset % Tensor::kAlignment, 0u);
}

TEST(BufferPlan, ValuesThatLiveTogetherDoNotOverlap) {
  Graph graph;
  std::vector<ValueId> values{graph.input("x", f32({10}))};
  for (int i = 0; i < 30; ++i) {  // every third value is kept to the end
    values.push_back(graph.add1(Pad{{0}, {i % 7}}, {values.back()}));
    if (i % 3 == 0) graph.output(fmt::format("y{}", i), values.back());
  }
  graph.output("last", values.back());
  const BufferPlan plan = plan_buffers(graph);
  for (std::size_t a = 1; a < values.size(); ++a)
    for (std::size_t b = a + 1; b < values.size(); ++b) {
      const bool a_lives_on = (a - 1) % 3 == 0 || b == a + 1;
      if (!a_lives_on) continue;
      const std::size_t a_begin = at(plan, values[a]).offset, a_end = a_begin + graph.type(values[a]).bytes();
      const std::size_t b_begin = at(plan, values[b]).offset, b_end = b_begin + graph.type(values[b]).bytes();
      EXPECT_TRUE(a_end <= b_begin || b_end <= a_begin) << a << " and " << b;
      EXPECT_LE(std::max(a_end, b_end), plan.arena_bytes);
    }
}

TEST(BufferPlan, RunsInPlaceWhereTheInputDies) {
  Graph graph;
  const ValueId x = graph.input("x", f32({4}));
  const ValueId a = doubled(graph, x);
  const ValueId b = graph.add1(Activation{ActivationKind::kRelu}, {a});
  const ValueId c = graph.add1(Affine{2, 0}, {b});
  graph.output("y", graph.add1(Binary{BinaryKind::kAdd}, {b, c}));  // b is read after c
  const BufferPlan plan = plan_buffers(graph);
  EXPECT_EQ(at(plan, b).offset, at(plan, a).offset);
  EXPECT_NE(at(plan, c).offset, at(plan, b).offset);
}

TEST(BufferPlan, NeverInPlaceOnWhatIsNotOurs) {
  Graph graph;
  const ValueId x = graph.input("x", f32({4})), w = graph.variable("w", f32({4}));
  const ValueId a = doubled(graph, x);
  graph.output("from_input", graph.add1(Activation{ActivationKind::kRelu}, {x}));
  graph.output("from_variable", graph.add1(Activation{ActivationKind::kRelu}, {w}));
  graph.output("kept", a);
  graph.output("from_kept", graph.add1(Activation{ActivationKind::kRelu}, {a}));
  const ValueId d = doubled(graph, x);
  graph.output("twice", graph.add1(Axpby{1, 1}, {d, d}));
  const BufferPlan plan = plan_buffers(graph);
  std::vector<std::size_t> offsets;
  for (const NamedValue& output : graph.outputs()) {
    EXPECT_EQ(at(plan, output.value).place, Place::kArena);
    offsets.push_back(at(plan, output.value).offset);
  }
  std::sort(offsets.begin(), offsets.end());
  EXPECT_EQ(std::unique(offsets.begin(), offsets.end()), offsets.end());
  EXPECT_NE(at(plan, graph.find_output("twice").value()).offset, at(plan, d).offset);
}

TEST(BufferPlan, ReshapeIsAnAlias) {
  Graph graph;
  const ValueId x = graph.input("x", f32({2, 2}));
  const ValueId a = doubled(graph, x);
  const ValueId flat = graph.add1(Reshape{{4}}, {a});
  const ValueId relu = graph.add1(Activation{ActivationKind::kRelu}, {a});  // not in place: flat still needs a's content
  graph.output("y", graph.add1(Binary{BinaryKind::kAdd}, {flat, graph.add1(Reshape{{4}}, {relu})}));
  graph.output("fed", graph.add1(Reshape{{4}}, {x}));
  const BufferPlan plan = plan_buffers(graph);
  EXPECT_THAT(plan.nodes, ElementsAre(0, 2, 4));
  EXPECT_EQ(at(plan, flat).offset, at(plan, a).offset);
  EXPECT_NE(at(plan, relu).offset, at(plan, a).offset);
  EXPECT_EQ(at(plan, graph.find_output("fed").value()).place, Place::kFeed);
}

TEST(BufferPlan, AnUpdateRunsInTheVariablesStorage) {
  Graph graph;
  const ValueId w = graph.variable("w", f32({4})), g = graph.input("g", f32({4})), lr = graph.input("lr", f32({}));
  graph.output("before", doubled(graph, w));
  const ValueId next = graph.add1(SgdUpdate{}, {w, g, lr});
  graph.update(w, next);
  graph.output("after", doubled(graph, next));
  const BufferPlan plan = plan_buffers(graph);
  EXPECT_EQ(at(plan, next).place, Place::kVariable);
  EXPECT_THAT(plan.copies, IsEmpty());
}

TEST(BufferPlan, AnUpdateIsCopiedWhereTheOldValueIsReadLater) {
  Graph graph;
  const ValueId w = graph.variable("w", f32({4})), v = graph.variable("v", f32({2, 2}));
  const ValueId w_next = graph.add1(Affine{2, 0}, {w}), v_next = graph.add1(Affine{2, 0}, {v});
  graph.update(w, w_next);
  graph.update(v, v_next);
  graph.output("y", doubled(graph, w));                  // a later node
  graph.output("old_v", graph.add1(Reshape{{4}}, {v}));  // to the end of the run, under another name
  const BufferPlan plan = plan_buffers(graph);
  EXPECT_EQ(at(plan, w_next).place, Place::kArena);
  EXPECT_EQ(at(plan, v_next).place, Place::kArena);
  ASSERT_EQ(plan.copies.size(), 2u);
  EXPECT_FALSE(plan.copies[0].staged);
}

TEST(BufferPlan, AVariableOfAVariableIsSetAsideFirst) {
  Graph graph;
  const ValueId a = graph.variable("a", f32({4})), b = graph.variable("b", f32({4})), c = graph.variable("c", f32({4}));
  graph.update(a, b);
  graph.update(b, a);
  graph.update(c, c);
  const BufferPlan plan = plan_buffers(graph);
  ASSERT_EQ(plan.copies.size(), 2u);  // c := c is nothing
  EXPECT_TRUE(plan.copies[0].staged && plan.copies[1].staged);
  EXPECT_NE(plan.copies[0].staging, plan.copies[1].staging);
}

TEST(BufferPlan, AnotherVariablesUpdateDoesNotTakeOver) {
  Graph graph;
  const ValueId a = graph.variable("a", f32({4})), b = graph.variable("b", f32({4}));
  const ValueId next = graph.add1(Affine{2, 0}, {a});  // reads a, but updates b
  graph.update(b, next);
  const BufferPlan plan = plan_buffers(graph);
  EXPECT_EQ(at(plan, next).place, Place::kArena);
  ASSERT_EQ(plan.copies.size(), 1u);
  EXPECT_EQ(plan.copies[0].variable, 1);
}

TEST(BufferPlan, FusedNodesCountAsOneInThePlaceOfTheLast) {
  Graph graph;
  const ValueId x = graph.input("x", f32({64}));
  const ValueId inner = doubled(graph, x), between = doubled(graph, x), last = doubled(graph, inner);
  graph.output("y", doubled(graph, last));
  graph.output("z", doubled(graph, between));
  const FusedNodes fused{{0, 2}, {x}, {last}};
  const BufferPlan plan = plan_buffers(graph, std::span(&fused, 1));
  EXPECT_THAT(plan.nodes, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(at(plan, inner).place, Place::kNowhere);
  EXPECT_EQ(at(plan, last).place, Place::kArena);
  EXPECT_NE(at(plan, last).offset, at(plan, between).offset);
}

TEST(BufferPlan, FusedNodesMayOverwriteVariables) {
  Graph graph;
  const ValueId x = graph.input("x", f32({64})), w = graph.variable("w", f32({64}));
  const ValueId gradient = doubled(graph, x);
  const ValueId updated = graph.add1(Axpby{1, -0.1}, {w, gradient});
  graph.update(w, updated);
  const FusedNodes fused{{0, 1}, {x, w}, {updated}, {1}};
  const BufferPlan plan = plan_buffers(graph, std::span(&fused, 1));
  EXPECT_EQ(at(plan, updated).place, Place::kVariable);
  EXPECT_THAT(plan.copies, IsEmpty());
  FusedNodes elsewhere = fused;
  elsewhere.in_place = {};
  const BufferPlan copying = plan_buffers(graph, std::span(&elsewhere, 1));
  EXPECT_EQ(at(copying, updated).place, Place::kArena);
  EXPECT_EQ(copying.copies.size(), 1u);
}

}  // namespace
}  // namespace tutti
