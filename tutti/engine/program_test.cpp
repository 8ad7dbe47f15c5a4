// The default program, run by a fake engine that knows four ops and writes down what it is asked to do.
#include <gmock/gmock.h>

#include <functional>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "tests/message_of.h"
#include "tutti/engine/engine.h"

namespace tutti {
namespace {

using namespace op;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TensorType f32(Shape shape) { return {DType::kFloat32, std::move(shape)}; }

using Compute = std::function<void(std::span<const ConstView>, std::span<const View>)>;

class FakeKernel final : public Kernel {
 public:
  explicit FakeKernel(Compute compute, int* refreshes = nullptr) : compute_(std::move(compute)), refreshes_(refreshes) {}
  void run(std::span<const ConstView> in, std::span<const View> out) override { compute_(in, out); }
  void refresh() override {
    if (refreshes_) ++*refreshes_;
  }

 private:
  Compute compute_;
  int* refreshes_;
};

Prepared kernel(Compute compute) { return {std::make_unique<FakeKernel>(std::move(compute)), ""}; }

Compute elementwise(std::function<float(float)> f) {
  return [f = std::move(f)](std::span<const ConstView> in, std::span<const View> out) {
    for (std::int64_t i = 0; i < out[0].shape->elements(); ++i) out[0].as<float>()[i] = f(in[0].as<float>()[i]);
  };
}

// Affine, Binary add of equal shapes, Increment; everything else is refused.
class FakeEngine final : public Engine {
 public:
  std::string_view name() const override { return "fake"; }
  Prepared prepare(const OpCall& call) override {
    prepared.push_back(std::string(name_of(call.op)));
    constant.push_back(call.is_constant(0));
    if (const auto* affine = std::get_if<Affine>(&call.op)) {
      Compute compute = elementwise([=, op = *affine](float x) { return static_cast<float>(op.scale * x + op.offset); });
      return {std::make_unique<FakeKernel>(std::move(compute), &refreshes), ""};
    }
    if (std::holds_alternative<Binary>(call.op))
      return kernel([](std::span<const ConstView> in, std::span<const View> out) {
        for (std::int64_t i = 0; i < out[0].shape->elements(); ++i)
          out[0].as<float>()[i] = in[0].as<float>()[i] + in[1].as<float>()[i];
      });
    if (std::holds_alternative<Increment>(call.op))
      return kernel([](std::span<const ConstView> in, std::span<const View> out) {
        *out[0].as<std::int64_t>() = *in[0].as<std::int64_t>() + 1;
      });
    return {nullptr, "it is a fake"};
  }
  std::vector<std::string> prepared;
  std::vector<bool> constant;  // the first input of each prepared call
  int refreshes = 0;           // of all Affine kernels
};

// Stands in for the reference engine: knows Unary, and that as negation.
Prepared fake_fallback(const OpCall& call) {
  if (std::holds_alternative<Unary>(call.op)) return kernel(elementwise([](float x) { return -x; }));
  return {nullptr, "the fallback does not know it either"};
}

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() { set_fallback(nullptr); }
  ~ProgramTest() override { set_fallback(nullptr); }

  ValueId affine(ValueId x, double scale, double offset) { return graph_.add1(Affine{scale, offset}, {x}); }
  ValueId sum(ValueId a, ValueId b) { return graph_.add1(Binary{BinaryKind::kAdd}, {a, b}); }
  void compile(Program* sharing = nullptr) { program_ = engine_.compile(graph_, sharing); }
  // Runs with these feeds and returns the named outputs.
  std::vector<Tensor> run(const std::vector<std::pair<ValueId, Tensor>>& feeds, const std::vector<std::string>& outputs) {
    std::vector<Feed> fed;
    for (const auto& [value, tensor] : feeds) fed.push_back({value, tensor.view()});
    std::vector<Tensor> results;
    for (const std::string& output : outputs) results.emplace_back(graph_.type(graph_.find_output(output).value()));
    std::vector<Fetch> fetches;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      fetches.push_back({graph_.find_output(outputs[i]).value(), results[i].view()});
    program_->run(fed, fetches);
    return results;
  }
  static std::vector<float> values(const Tensor& tensor) {
    const auto data = tensor.data<float>();
    return {data.begin(), data.end()};
  }

  FakeEngine engine_;
  Graph graph_;
  std::unique_ptr<Program> program_;
};

TEST_F(ProgramTest, RunsNodesInOrderAndFetches) {
  const ValueId x = graph_.input("x", f32({2}));
  const ValueId a = affine(x, 2, 0);
  const ValueId b = affine(a, 1, 1);
  graph_.output("a", a);
  graph_.output("y", sum(a, b));
  graph_.output("same_x", x);
  compile();
  for (const float first : {1.f, 5.f}) {
    const auto out = run({{x, Tensor::of<float>({2}, {first, 3})}}, {"y", "a", "same_x"});
    EXPECT_THAT(values(out[0]), ElementsAre(4 * first + 1, 13));
    EXPECT_THAT(values(out[1]), ElementsAre(2 * first, 6));
    EXPECT_THAT(values(out[2]), ElementsAre(first, 3));
  }
  EXPECT_GT(program_->workspace_bytes(), 0u);
}

TEST_F(ProgramTest, OutputsNeedNotBeFetched) {
  const ValueId x = graph_.input("x", f32({1}));
  graph_.output("a", affine(x, 2, 0));
  graph_.output("b", affine(x, 3, 0));
  compile();
  EXPECT_THAT(values(run({{x, Tensor::of<float>({1}, {2})}}, {"b"})[0]), ElementsAre(6));
}

TEST_F(ProgramTest, AReshapedFeedReadsTheNewFeedEachTime) {
  const ValueId x = graph_.input("x", f32({2, 1}));
  const ValueId flat = graph_.add1(Reshape{{2}}, {x});
  graph_.output("flat", flat);
  graph_.output("y", affine(flat, 10, 0));
  compile();
  EXPECT_THAT(engine_.prepared, ElementsAre("Affine"));
  for (const float first : {1.f, 2.f}) {
    const auto out = run({{x, Tensor::of<float>({2, 1}, {first, 7})}}, {"flat", "y"});
    EXPECT_THAT(values(out[0]), ElementsAre(first, 7));
    EXPECT_THAT(values(out[1]), ElementsAre(10 * first, 70));
  }
}

TEST_F(ProgramTest, VariablesStartAtZeroAndKeepWhatIsWritten) {
  graph_.output("w", graph_.variable("w", f32({2})));
  compile();
  EXPECT_THAT(values(program_->read(0)), ElementsAre(0, 0));
  Tensor value = Tensor::of<float>({2}, {3, 4});
  program_->write(0, value);
  value.data<float>()[0] = 99;  // a copy was taken
  const Tensor read = program_->read(0);
  EXPECT_THAT(values(read), ElementsAre(3, 4));
  program_->write(0, Tensor::of<float>({2}, {5, 6}));
  EXPECT_THAT(values(read), ElementsAre(3, 4));  // and one is given
  EXPECT_THAT(values(run({}, {"w"})[0]), ElementsAre(5, 6));
}

TEST_F(ProgramTest, UpdatesHappenAtTheEndOfARun) {
  const ValueId w = graph_.variable("w", f32({1})), g = graph_.input("g", f32({1}));
  const ValueId step = graph_.variable("step", {DType::kInt64, {}});
  const ValueId next = affine(w, 1, 1);  // in w's own storage, unless w is read later
  graph_.update(w, next);
  graph_.update(step, graph_.add1(Increment{}, {step}));
  graph_.output("old", w);
  graph_.output("new", next);
  graph_.output("sum", sum(w, g));
  compile();
  const Tensor fed = Tensor::of<float>({1}, {10});
  for (const float round : {0.f, 1.f, 2.f}) {
    const auto out = run({{g, fed}}, {"old", "new", "sum"});
    EXPECT_THAT(values(out[0]), ElementsAre(round));
    EXPECT_THAT(values(out[1]), ElementsAre(round + 1));
    EXPECT_THAT(values(out[2]), ElementsAre(round + 10));
  }
  EXPECT_THAT(values(program_->read(0)), ElementsAre(3));
  EXPECT_EQ(program_->read(1).item(), 3);
}

TEST_F(ProgramTest, AnUpdateInPlaceShowsItsNewValueToLaterNodes) {
  const ValueId w = graph_.variable("w", f32({1}));
  graph_.output("before", affine(w, 1, 0));
  const ValueId next = affine(w, 1, 1);
  graph_.update(w, next);
  graph_.output("after", affine(next, 100, 0));
  compile();
  run({}, {});
  const auto out = run({}, {"before", "after"});
  EXPECT_THAT(values(out[0]), ElementsAre(1));
  EXPECT_THAT(values(out[1]), ElementsAre(200));
  EXPECT_THAT(values(program_->read(0)), ElementsAre(2));
}

TEST_F(ProgramTest, VariablesCanChangePlaces) {
  const ValueId a = graph_.variable("a", f32({1})), b = graph_.variable("b", f32({1})), x = graph_.input("x", f32({1}));
  const ValueId c = graph_.variable("c", f32({1}));
  graph_.update(a, b);
  graph_.update(b, a);
  graph_.update(c, x);
  compile();
  program_->write(0, Tensor::of<float>({1}, {1}));
  program_->write(1, Tensor::of<float>({1}, {2}));
  run({{x, Tensor::of<float>({1}, {7})}}, {});
  EXPECT_THAT(values(program_->read(0)), ElementsAre(2));
  EXPECT_THAT(values(program_->read(1)), ElementsAre(1));
  EXPECT_THAT(values(program_->read(2)), ElementsAre(7));
}

TEST_F(ProgramTest, ProgramsShareVariablesByName) {
  const ValueId w = graph_.variable("w", f32({1}));
  graph_.update(w, affine(w, 1, 1));
  compile();
  const std::unique_ptr<Program> training = std::move(program_);
  graph_ = Graph();
  graph_.variable("own", f32({3}));
  graph_.output("w", graph_.variable("w", f32({1})));
  compile(training.get());
  training->run({}, {});
  training->run({}, {});
  EXPECT_THAT(values(run({}, {"w"})[0]), ElementsAre(2));
  EXPECT_THAT(values(program_->read(0)), ElementsAre(0, 0, 0));
  program_->write(1, Tensor::of<float>({1}, {40}));
  EXPECT_THAT(values(training->read(0)), ElementsAre(40));

  graph_ = Graph();
  graph_.variable("w", f32({2}));
  EXPECT_THAT(message_of([&] { engine_.compile(graph_, training.get()); }),
              HasSubstr("[fake] variable w is shared with another type. Expected float32 (1,). Got float32 (2,)."));
}

TEST_F(ProgramTest, KernelsAreToldWhenConstantsHaveChanged) {
  const ValueId w = graph_.variable("w", f32({2}));
  graph_.output("y", affine(w, 2, 0));
  compile();
  EXPECT_THAT(engine_.constant, ElementsAre(true));
  run({}, {"y"});
  EXPECT_EQ(engine_.refreshes, 1);
  run({}, {"y"});
  EXPECT_EQ(engine_.refreshes, 1);
  program_->write(0, Tensor({2}));
  run({}, {"y"});
  EXPECT_EQ(engine_.refreshes, 2);
}

TEST_F(ProgramTest, AProgramThatTrainsChangesTheConstantsOfOthersOnly) {
  const ValueId w = graph_.variable("w", f32({2}));
  graph_.output("y", affine(w, 2, 0));
  const std::unique_ptr<Program> predicting = engine_.compile(graph_);
  Graph training;
  const ValueId trained = training.variable("w", f32({2})), frozen = training.variable("v", f32({2}));
  training.update(trained, training.add1(Binary{BinaryKind::kAdd}, {trained, trained}));
  training.output("z", training.add1(Affine{1, 1}, {frozen}));
  const std::unique_ptr<Program> trainer = engine_.compile(training, predicting.get());
  EXPECT_THAT(engine_.constant, ElementsAre(true, false, true));
  for (int i = 0; i < 3; ++i) trainer->run({}, {});
  EXPECT_EQ(engine_.refreshes, 1);  // its own, before the first run
  predicting->run({}, {});
  EXPECT_EQ(engine_.refreshes, 2);
  trainer->run({}, {});
  predicting->run({}, {});
  EXPECT_EQ(engine_.refreshes, 3);
}

TEST_F(ProgramTest, AStepThatFailsHalfWayHasChangedWhatOthersTakeForConstant) {
  const ValueId w = graph_.variable("w", f32({2}));
  graph_.output("y", affine(w, 2, 0));
  const std::unique_ptr<Program> predicting = engine_.compile(graph_);
  predicting->run({}, {});
  EXPECT_EQ(engine_.refreshes, 1);
  Graph training;
  const ValueId trained = training.variable("w", f32({2}));
  training.update(trained, training.add1(Unary{UnaryKind::kNeg}, {trained}));
  set_fallback([](const OpCall&) { return kernel([](auto, auto) { fail("Unary", "no more memory."); }); });
  const std::unique_ptr<Program> trainer = engine_.compile(training, predicting.get());
  EXPECT_THROW(trainer->run({}, {}), Error);
  predicting->run({}, {});
  EXPECT_EQ(engine_.refreshes, 2);
  EXPECT_THROW(trainer->run_timed({}, {}), Error);
  predicting->run({}, {});
  EXPECT_EQ(engine_.refreshes, 3);
}

class OtherProgram final : public Program {
  void run(std::span<const Feed>, std::span<const Fetch>) override {}
  std::vector<StepTime> run_timed(std::span<const Feed>, std::span<const Fetch>) override { return {}; }
  Tensor read(VariableId) const override { return {}; }
  void write(VariableId, const Tensor&) override {}
};

TEST_F(ProgramTest, OtherProgramsShareNothing) {
  OtherProgram other;
  EXPECT_THAT(message_of([&] { compile(&other); }), HasSubstr("[fake] variables can not be shared"));
}

TEST_F(ProgramTest, ChecksFeedsAndFetches) {
  const ValueId x = graph_.input("x", f32({2}));
  const ValueId w = graph_.variable("w", f32({2}));
  const ValueId hidden = affine(x, 2, 0);
  graph_.output("y", affine(sum(hidden, w), 1, 0));
  compile();
  const Tensor good({2}), wrong_shape({3}), wrong_dtype({2}, DType::kFloat64);
  Tensor target({2}), wrong_target({1});
  const ValueId y = graph_.find_output("y").value();
  const auto run_error = [&](std::vector<Feed> feeds, std::vector<Fetch> fetches = {}) {
    return message_of([&] { program_->run(feeds, fetches); });
  };
  EXPECT_THAT(run_error({}), HasSubstr("[fake] input x is not fed. Expected float32 (2,)."));
  EXPECT_THAT(run_error({{x, wrong_shape.view()}}),
              HasSubstr("input x has the wrong type. Expected float32 (2,). Got float32 (3,)."));
  EXPECT_THAT(run_error({{x, wrong_dtype.view()}}), HasSubstr("Got float64 (2,)."));
  EXPECT_THAT(run_error({{x, {nullptr, DType::kFloat32, &good.shape()}}}), HasSubstr("input x has no memory"));
  EXPECT_THAT(run_error({{x, good.view()}, {x, good.view()}}), HasSubstr("fed twice"));
  EXPECT_THAT(run_error({{x, good.view()}, {w, good.view()}}), HasSubstr("for no input of the graph"));
  EXPECT_THAT(run_error({{x, good.view()}}, {{hidden, target.view()}}), HasSubstr("for no output of the graph"));
  EXPECT_THAT(run_error({{x, good.view()}}, {{y, wrong_target.view()}}),
              HasSubstr("the buffer for output y has the wrong type. Expected float32 (2,). Got float32 (1,)."));
  EXPECT_EQ(run_error({{x, good.view()}}, {{y, target.view()}}), "no error");
  EXPECT_THAT(message_of([&] { program_->read(1); }), HasSubstr("no such variable"));
  EXPECT_THAT(message_of([&] { program_->write(0, wrong_shape); }), HasSubstr("the value for variable w has the wrong type"));
  EXPECT_THAT(message_of([&] { program_->write(0, Tensor()); }), HasSubstr("Got float32 (0,)."));
}

TEST_F(ProgramTest, RefusedNodesRunOnTheFallback) {
  set_fallback(fake_fallback);
  const ValueId x = graph_.input("x", f32({1}));
  graph_.output("y", affine(graph_.add1(Unary{UnaryKind::kNeg}, {affine(x, 2, 0)}), 1, 1));
  compile();
  EXPECT_THAT(program_->fallbacks(), ElementsAre("Unary: it is a fake"));
  EXPECT_THAT(values(run({{x, Tensor::of<float>({1}, {3})}}, {"y"})[0]), ElementsAre(-5));
}

TEST_F(ProgramTest, WithoutAnyKernelItSaysWhy) {
  const ValueId x = graph_.input("x", f32({1}));
  graph_.output("y", graph_.add1(Softmax{}, {x}));
  EXPECT_THAT(message_of([&] { compile(); }), HasSubstr("Softmax can not run"));
  EXPECT_THAT(message_of([&] { compile(); }), HasSubstr("it is a fake; there is no engine to fall back to"));
  set_fallback(fake_fallback);
  EXPECT_THAT(message_of([&] { compile(); }), HasSubstr("it is a fake; the fallback does not know it either"));
}

TEST_F(ProgramTest, AGraphWithoutNodesRuns) {
  compile();
  program_->run({}, {});
  EXPECT_EQ(program_->workspace_bytes(), 0u);
  EXPECT_THAT(program_->fallbacks(), IsEmpty());
}

// Every value in memory of its own: what a program must compute, however it plans its buffers.
class PlainInterpreter {
 public:
  explicit PlainInterpreter(const Graph& graph) : graph_(graph), values_(graph.values().size()) {
    for (const Variable& variable : graph.variables()) variables_.emplace_back(graph.type(variable.value));
  }
  void run(ValueId input, const Tensor& fed) {
    at(input) = fed;
    for (std::size_t i = 0; i < variables_.size(); ++i) at(graph_.variables()[i].value) = variables_[i].clone();
    for (const Node& node : graph_.nodes()) at(node.outputs[0]) = evaluate(node);
    for (const Update& update : graph_.updates())
      variables_[static_cast<std::size_t>(update.variable)] = at(update.value).clone();
  }
  Tensor& at(ValueId value) { return values_[static_cast<std::size_t>(value)]; }
  const Tensor& variable(VariableId id) const { return variables_[static_cast<std::size_t>(id)]; }

 private:
  Tensor evaluate(const Node& node) {
    Tensor y(graph_.type(node.outputs[0]));
    const Tensor& a = at(node.inputs[0]);
    for (std::size_t i = 0; i < y.data<float>().size(); ++i) {
      const float x = std::as_const(a).data<float>()[i];
      if (const auto* affine = std::get_if<Affine>(&node.op))
        y.data<float>()[i] = static_cast<float>(affine->scale * x + affine->offset);
      else if (std::holds_alternative<Binary>(node.op))
        y.data<float>()[i] = x + std::as_const(at(node.inputs[1])).data<float>()[i];
      else
        y.data<float>()[i] = x;  // Reshape
    }
    return y;
  }

  const Graph& graph_;
  std::vector<Tensor> values_, variables_;
};

// Ops in place, other names, dead nodes, updates and outputs of everything, at random.
Graph random_graph(std::mt19937& random, ValueId& input) {
  const auto below = [&](std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random); };
  Graph graph;
  std::vector<ValueId> flat{input = graph.input("x", f32({4}))}, square;
  for (int i = 0; i < 4; ++i) flat.push_back(graph.variable(fmt::format("w{}", i), f32({4})));
  square.push_back(graph.add1(Reshape{{2, 2}}, {flat[below(flat.size())]}));
  for (int node = 0; node < 25; ++node) {
    std::vector<ValueId>& same = below(2) ? flat : square;
    // Mostly recent values, so that many die where they are read.
    const auto pick = [&](const std::vector<ValueId>& from) {
      return from[from.size() - 1 - below(std::min<std::size_t>(from.size(), 5))];
    };
    switch (below(4)) {
      case 0:
        same.push_back(graph.add1(Binary{BinaryKind::kAdd}, {pick(same), pick(same)}));
        break;
      case 1:
        flat.push_back(graph.add1(Reshape{{4}}, {pick(square)}));
        square.push_back(graph.add1(Reshape{{2, 2}}, {pick(flat)}));
        break;
      default:
        same.push_back(graph.add1(Affine{below(2) ? 0.5 : -0.5, static_cast<double>(below(5))}, {pick(same)}));
    }
  }
  for (int i = 0; i < 4; ++i)
    if (below(4) > 0) graph.update(graph.variables()[static_cast<std::size_t>(i)].value, flat[below(flat.size())]);
  for (int i = 0; i < 3; ++i)
    graph.output(fmt::format("y{}", i), below(2) ? flat[below(flat.size())] : square[below(square.size())]);
  return graph;
}

TEST_F(ProgramTest, PlannedBuffersComputeWhatPlainOnesDo) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    ValueId x = kNoValue;
    graph_ = random_graph(random, x);
    SCOPED_TRACE(dump(graph_));
    compile();
    PlainInterpreter plain(graph_);
    for (const float step : {1.f, 2.f, 3.f}) {
      const Tensor fed = Tensor::of<float>({4}, {step, -step, 0.25f, 7});
      const std::vector<Tensor> outputs = run({{x, fed}}, {"y0", "y1", "y2"});
      plain.run(x, fed);
      for (std::size_t i = 0; i < outputs.size(); ++i)
        ASSERT_EQ(values(outputs[i]), values(plain.at(graph_.outputs()[i].value))) << "output " << i;
      for (VariableId id = 0; id < 4; ++id)
        ASSERT_EQ(values(program_->read(id)), values(plain.variable(id))) << "variable " << id;
    }
  }
}

}  // namespace
}  // namespace tutti
