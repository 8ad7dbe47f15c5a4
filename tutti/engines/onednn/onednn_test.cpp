// What the conformance suite does not ask: layouts that flow from op to op, threads, memory that the caller shares.
#include <cmath>
#include <limits>
#include <utility>

#include <gmock/gmock.h>

#include "tutti/base/error.h"
#include "tutti/base/parallel.h"
#include "tutti/base/philox.h"
#include "tutti/engines/engines.h"

namespace tutti {
namespace {

using namespace op;
using testing::ElementsAre;
using testing::HasSubstr;

class OneDnn : public testing::Test {
 protected:
  void SetUp() override {
    for (const EngineInfo& info : list_engines()) {
      if (info.name != "onednn") continue;
      if (!info.available) GTEST_SKIP() << info.reason;
      EXPECT_THAT(info.devices, ElementsAre("cpu"));
      engine_ = make_engine("onednn");
      return;
    }
    FAIL() << "onednn is not in the list of engines";
  }
  std::shared_ptr<Engine> engine_;
};

Tensor draw(const Shape& shape, std::uint32_t stream, double scale) {
  Tensor tensor(shape);
  const Philox random(5, stream);
  std::uint64_t index = 0;
  for (float& value : tensor.data<float>()) value = static_cast<float>(scale * random.normal(index++));
  return tensor;
}

// Convolution, relu, pooling, dropout, dense, cross-entropy, Adam: blocked by 16 channels where oneDNN likes it.
struct TrainingStep {
  Graph graph;
  std::vector<Tensor> variables, feeds;

  TrainingStep() {
    const ValueId x = input("x", draw({2, 9, 7, 3}, 1, 1.0));
    const ValueId target = input("target", Tensor::of<std::int32_t>({2}, {4, 1}));
    const ValueId lr = input("lr", Tensor::scalar(0.01f));
    const ValueId step = variable("step", Tensor::scalar<std::int64_t>(3));
    const std::vector<ValueId> weights{variable("kernel", draw({3, 3, 3, 32}, 2, 0.3)), variable("bias", draw({32}, 3, 0.1)),
                                       variable("dense", draw({4 * 3 * 32, 6}, 4, 0.1))};
    ConvAttributes same;
    same.padding = {1, 1, 1, 1};
    const ValueId y = add(Conv2D{same}, {x, weights[0], weights[1]});
    const std::vector<ValueId> pooled = graph.add(MaxPool2D{}, {add(Activation{ActivationKind::kRelu}, {y})});
    const std::vector<ValueId> dropped = graph.add(Dropout{0.25, 11, 2, graph.shape(pooled[0])}, {pooled[0], step});
    const ValueId flat = add(Reshape{{2, 4 * 3 * 32}}, {dropped[0]});
    const ValueId probabilities = add(Softmax{}, {add(MatMul{}, {flat, weights[2]})});
    LossAttributes kind;
    kind.kind = LossKind::kSparseCategoricalCrossEntropy;
    const ValueId loss = add(Reduce{ReduceKind::kMean, {0}}, {add(Loss{kind}, {probabilities, target})});
    for (const auto& [name, value] : {std::pair{"loss", loss}, {"argmax", pooled[1]}, {"mask", dropped[1]}, {"y", dropped[0]}})
      graph.output(name, value);
    train(loss, weights, lr, step);
  }

  void train(ValueId loss, const std::vector<ValueId>& weights, ValueId lr, ValueId step) {
    const std::vector<ValueId> gradients = add_gradients(graph, loss, weights);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const Shape shape = graph.shape(weights[i]);
      const std::string name = graph.variables()[static_cast<std::size_t>(*graph.variable_of(weights[i]))].name;
      const ValueId m = variable(name + "/m", Tensor(shape)), v = variable(name + "/v", Tensor(shape));
      const std::vector<ValueId> updated = graph.add(AdamUpdate{.epsilon = 1e-2}, {weights[i], gradients[i], lr, step, m, v});
      graph.update(weights[i], updated[0]);
      graph.update(m, updated[1]);
      graph.update(v, updated[2]);
    }
    graph.update(step, add(Increment{}, {step}));
  }

  ValueId input(const char* name, Tensor value) {
    feeds.push_back(value);
    return graph.input(name, value.type());
  }
  ValueId variable(const std::string& name, Tensor value) {
    variables.push_back(value);
    return graph.variable(name, value.type());
  }
  ValueId add(Op op, std::vector<ValueId> inputs) { return graph.add1(std::move(op), std::move(inputs)); }

  void write_variables(Program& program) const {
    for (std::size_t i = 0; i < variables.size(); ++i) program.write(static_cast<VariableId>(i), variables[i]);
  }
  // By index in graph.outputs().
  std::vector<Tensor> run(Program& program) const {
    std::vector<Feed> fed;
    for (std::size_t i = 0; i < feeds.size(); ++i) fed.push_back({graph.inputs()[i].value, feeds[i].view()});
    std::vector<Tensor> results;
    for (const NamedValue& output : graph.outputs()) results.emplace_back(graph.type(output.value));
    std::vector<Fetch> fetches;
    for (std::size_t i = 0; i < results.size(); ++i) fetches.push_back({graph.outputs()[i].value, results[i].view()});
    program.run(fed, fetches);
    return results;
  }
};

void expect_near(const Tensor& got, const Tensor& want, double tolerance) {
  ASSERT_EQ(got.type(), want.type());
  for (std::int64_t i = 0; i < got.elements(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (got.dtype() == DType::kFloat32) {
      ASSERT_NEAR(got.data<float>()[at], want.data<float>()[at], tolerance) << "element " << i;
    } else if (got.dtype() == DType::kInt32) {
      ASSERT_EQ(got.data<std::int32_t>()[at], want.data<std::int32_t>()[at]) << "element " << i;
    } else {
      ASSERT_EQ(got.data<std::uint8_t>()[at], want.data<std::uint8_t>()[at]) << "element " << i;
    }
  }
}

// The mask and the argmax lie blocked between the ops, and come out in the order that op.h says.
TEST_F(OneDnn, GivesBlockedValuesInRowMajorOrder) {
  const TrainingStep step;
  const auto program = engine_->compile(step.graph), reference = make_engine("reference")->compile(step.graph);
  step.write_variables(*program);
  step.write_variables(*reference);
  for (int i = 0; i < 3; ++i) {
    const std::vector<Tensor> got = step.run(*program), want = step.run(*reference);
    for (std::size_t output = 0; output < want.size(); ++output) {
      SCOPED_TRACE(step.graph.outputs()[output].name);
      expect_near(got[output], want[output], 1e-5);
    }
  }
  const VariableId kernel = *step.graph.find_variable("kernel");
  expect_near(program->read(kernel), reference->read(kernel), 1e-5);
}

TEST_F(OneDnn, RunsAllButTheLossItself) {
  const TrainingStep step;
  const auto program = engine_->compile(step.graph);
  EXPECT_THAT(program->fallbacks(), ElementsAre(HasSubstr("Loss: "), HasSubstr("LossGrad: ")));
  EXPECT_GT(program->workspace_bytes(), 0u);
}

TEST_F(OneDnn, FollowsTheNumberOfThreads) {
  const TrainingStep step;
  const int threads = num_threads();
  const auto program = engine_->compile(step.graph);
  std::vector<Tensor> losses;
  for (const int count : {1, 3, 2}) {
    set_num_threads(count);
    step.write_variables(*program);
    losses.push_back(step.run(*program)[0]);
  }
  set_num_threads(threads);
  expect_near(losses[1], losses[0], 1e-5);
  expect_near(losses[2], losses[0], 1e-5);
}

TEST_F(OneDnn, AllowsToFetchIntoTheMemoryOfAFeed) {
  Graph graph;
  const ValueId x = graph.input("x", {DType::kFloat32, {3}});
  const ValueId doubled = graph.add1(Affine{2.0, 0.0}, {x}), next = graph.add1(Affine{1.0, 1.0}, {x});
  graph.output("doubled", doubled);
  graph.output("next", next);
  Tensor shared = Tensor::of<float>({3}, {1, 2, 3}), other(Shape{3});
  const Feed feed{x, std::as_const(shared).view()};
  const std::vector<Fetch> fetches{{doubled, shared.view()}, {next, other.view()}};
  engine_->compile(graph)->run({&feed, 1}, fetches);
  EXPECT_THAT(shared.data<float>(), ElementsAre(2, 4, 6));
  EXPECT_THAT(other.data<float>(), ElementsAre(2, 3, 4));
}

TEST_F(OneDnn, LetsNanWinAPool) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = Tensor::of<float>({1, 2, 2, 1}, {1, nan, 5, nan});
  const Prepared prepared =
      engine_->prepare({MaxPool2D{}, {x.type()}, {{DType::kFloat32, {1, 1, 1, 1}}, {DType::kInt32, {1, 1, 1, 1}}}});
  ASSERT_TRUE(prepared.kernel) << prepared.refusal;
  Tensor y({1, 1, 1, 1}), argmax({1, 1, 1, 1}, DType::kInt32);
  const ConstView in = x.view();
  const std::vector<View> out{y.view(), argmax.view()};
  prepared.kernel->run({&in, 1}, out);
  EXPECT_TRUE(std::isnan(y.data<float>()[0]));
  EXPECT_EQ(argmax.data<std::int32_t>()[0], 1);
}

TEST_F(OneDnn, RefusesFloat64WithAReason) {
  const TensorType type{DType::kFloat64, {4}};
  const Prepared prepared = engine_->prepare({Activation{ActivationKind::kRelu}, {type}, {type}});
  EXPECT_FALSE(prepared.kernel);
  EXPECT_THAT(prepared.refusal, HasSubstr("float64"));
}

TEST_F(OneDnn, HasOnlyTheCpu) {
  EXPECT_THAT([] { make_engine("onednn", "cuda"); }, testing::ThrowsMessage<Error>(HasSubstr("cpu")));
}

}  // namespace
}  // namespace tutti
