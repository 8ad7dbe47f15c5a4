// Whole graphs that each engine compiles its own way (fused, in private layouts) against the reference engine's program.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cstring>

#include "harness.h"
#include "networks.h"
#include "tutti/base/error.h"
#include "tutti/base/parallel.h"
#include "tutti/engines/reference/reference.h"

namespace tutti::conformance {
namespace {

// Errors of single ops (see tolerance_of) pass through a dozen layers and a few updates of every weight.
constexpr Tolerance kTolerance32{5e-4};
constexpr Tolerance kTolerance64{1e-11};
constexpr int kSteps = 3;

Engine& reference_engine() {
  static const std::shared_ptr<Engine> engine = make_reference_engine();
  return *engine;
}

Tolerance tolerance_of(const Network& network) {
  for (const Value& value : network.graph.values())
    if (value.type.dtype == DType::kFloat64) return kTolerance64;
  return kTolerance32;
}

// A program with its network's initial values.
struct Running {
  const Network& network;
  std::unique_ptr<Program> program;

  Running(Engine& engine, const Network& of, Program* sharing = nullptr)
      : network(of), program(engine.compile(of.graph, sharing)) {}

  void write_variables() {
    for (std::size_t i = 0; i < network.variables.size(); ++i) program->write(static_cast<VariableId>(i), network.variables[i]);
  }
  Tensor variable(const std::string& name) const { return program->read(*network.graph.find_variable(name)); }
  // All outputs, from feeds at odd addresses into garbage at odd addresses.
  std::vector<Tensor> run() {
    std::vector<GuardedBuffer> in, out;
    for (const Tensor& tensor : network.feeds) {
      in.emplace_back(tensor.type(), true, kGarbage[0]);
      in.back().copy_from(tensor);
    }
    for (const NamedValue& output : network.graph.outputs())
      out.emplace_back(network.graph.type(output.value), true, kGarbage[0]);
    std::vector<Feed> feeds;
    for (std::size_t i = 0; i < in.size(); ++i) feeds.push_back({network.graph.inputs()[i].value, std::as_const(in[i]).view()});
    std::vector<Fetch> fetches;
    for (std::size_t i = 0; i < out.size(); ++i) fetches.push_back({network.graph.outputs()[i].value, out[i].view()});
    program->run(feeds, fetches);
    std::vector<Tensor> results;
    for (std::size_t i = 0; i < in.size(); ++i) EXPECT_TRUE(in[i].holds(network.feeds[i])) << "feed " << i << " was changed";
    for (GuardedBuffer& buffer : in) EXPECT_TRUE(buffer.guards_intact());
    for (GuardedBuffer& buffer : out) {
      EXPECT_TRUE(buffer.guards_intact());
      results.push_back(buffer.copy());
    }
    return results;
  }
};

void expect_same_variables(const Running& got, const Running& want, const Tolerance& tolerance) {
  for (std::size_t i = 0; i < want.network.variables.size(); ++i) {
    const auto id = static_cast<VariableId>(i);
    EXPECT_EQ(mismatch(got.program->read(id).view(), want.program->read(id), tolerance), "")
        << "variable " << want.network.graph.variables()[i].name;
  }
}

void expect_same_outputs(const std::vector<Tensor>& got, const std::vector<Tensor>& want, const Graph& graph,
                         const Tolerance& tolerance) {
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_EQ(mismatch(got[i].view(), want[i], tolerance), "") << "output " << graph.outputs()[i].name;
}

void check_network(Engine& engine, const NetworkCase& c) {
  const Network network = c.make();
  const Tolerance tolerance = tolerance_of(network);
  Running got(engine, network), want(reference_engine(), network);
  got.write_variables();
  want.write_variables();
  for (int step = 0; step < (c.trains ? kSteps : 1); ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    expect_same_outputs(got.run(), want.run(), network.graph, tolerance);
    expect_same_variables(got, want, tolerance);
  }
}

// A new program's variables are zero.
void check_zero_variables(Engine& engine) {
  const Network network = cnn_adam(2);
  const Running running(engine, network);
  for (std::size_t i = 0; i < network.variables.size(); ++i)
    EXPECT_EQ(mismatch(running.program->read(static_cast<VariableId>(i)).view(), Tensor(network.variables[i].type()), {}), "");
}

// Training with two batch sizes and predicting, all on the same variables, of which the first program may go before the rest.
void check_sharing(Engine& engine) {
  const Network seven = cnn_adam(7), three = cnn_adam(3), five = cnn_prediction(5);
  const auto play = [&](Engine& on) {
    auto first = std::make_unique<Running>(on, seven);
    first->write_variables();
    Running last_batch(on, three, first->program.get());
    first->run();
    last_batch.run();
    first->run();
    Running prediction(on, five, first->program.get());
    std::vector<Tensor> results = prediction.run();
    // Writing through one program shows in another.
    last_batch.program->write(*three.graph.find_variable("dense2/bias"), Draws(DType::kFloat32).normal({10}));
    results.push_back(first->variable("dense2/bias"));
    results.push_back(prediction.run().front());
    first.reset();
    results.push_back(last_batch.run().front());
    results.push_back(prediction.run().front());
    results.push_back(last_batch.variable("conv1/kernel"));
    results.push_back(last_batch.variable("step"));
    return results;
  };
  const std::vector<Tensor> got = play(engine), want = play(reference_engine());
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_EQ(mismatch(got[i].view(), want[i], kTolerance32), "") << "result " << i;
}

// Updates happen whatever is fetched, and one output may be fetched without the others.
void check_partial_fetches(Engine& engine) {
  const Network network = cnn_adam(4);
  Running all(engine, network), some(engine, network);
  all.write_variables();
  some.write_variables();
  all.run();
  std::vector<Feed> feeds;
  for (std::size_t i = 0; i < network.feeds.size(); ++i)
    feeds.push_back({network.graph.inputs()[i].value, network.feeds[i].view()});
  some.program->run(feeds, {});
  expect_same_variables(some, all, kTolerance32);
  const ValueId loss = *network.graph.find_output("loss");
  Tensor fetched(network.graph.type(loss));
  some.program->run(feeds, std::vector<Fetch>{{loss, fetched.view()}});
  const std::vector<Tensor> outputs = all.run();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (network.graph.outputs()[i].value != loss) continue;
    EXPECT_EQ(mismatch(fetched.view(), outputs[i], kTolerance32), "");
  }
}

void check_errors(Engine& engine) {
  const Network network = cnn_prediction(2);
  Running running(engine, network);
  const ValueId x = network.graph.inputs().front().value, y = network.graph.outputs().front().value;
  Tensor prediction(network.graph.type(y));
  const Tensor wrong_shape({3, 12, 10, 3}), wrong_type(Shape{2, 12, 10, 3}, DType::kFloat64);
  EXPECT_THROW(running.program->run({}, std::vector<Fetch>{{y, prediction.view()}}), Error) << "an input is missing";
  for (const Tensor* wrong : {&wrong_shape, &wrong_type})
    EXPECT_THROW(running.program->run(std::vector<Feed>{{x, wrong->view()}}, std::vector<Fetch>{{y, prediction.view()}}),
                 Error);
  EXPECT_THROW(running.program->write(0, Tensor({1})), Error) << "a variable of another shape";
  EXPECT_NO_THROW(running.run()) << "a program survives what it refused";
}

// The same steps twice from the same values, in one program: nothing is left behind but the variables.
void check_restart(Engine& engine) {
  const Network network = cnn_adam(5);
  Running running(engine, network);
  running.write_variables();
  const std::vector<Tensor> first = running.run();
  running.run();
  running.write_variables();
  expect_same_outputs(running.run(), first, network.graph, {1e-6});
}

// The native engine's sums are cut into parts that do not depend on the number of threads: results are the same, bit by bit.
void check_thread_counts(Engine& engine, const NetworkCase& c) {
  const Network network = c.make();
  const int threads = num_threads();
  std::vector<Tensor> expected;
  for (const int count : {1, 1, 2, 3, 5}) {
    set_num_threads(count);
    Running running(engine, network);
    running.write_variables();
    std::vector<Tensor> results;
    for (int step = 0; step < kSteps; ++step) results = running.run();
    for (std::size_t i = 0; i < network.variables.size(); ++i)
      results.push_back(running.program->read(static_cast<VariableId>(i)));
    if (expected.empty()) expected = results;
    for (std::size_t i = 0; i < results.size(); ++i)
      EXPECT_EQ(std::memcmp(results[i].raw(), expected[i].raw(), expected[i].bytes()), 0) << count << " threads, result " << i;
  }
  set_num_threads(threads);
}

}  // namespace

void register_program_tests() {
  for (const EngineUnderTest& under_test : engines_under_test()) {
    const std::shared_ptr<Engine>& engine = under_test.engine;
    const auto add = [&](const std::string& name, void (*check)(Engine&)) {
      register_test("Program", fmt::format("{}/{}", name, under_test.label), [engine, check] { check(*engine); });
    };
    for (const NetworkCase& c : networks())
      register_test("Program", fmt::format("{}/{}", c.name, under_test.label), [engine, &c] { check_network(*engine, c); });
    for (const NetworkCase& c : networks())
      if (engine->name() == "native" && c.trains)
        register_test("Program", fmt::format("{}_on_any_threads/{}", c.name, under_test.label),
                      [engine, &c] { check_thread_counts(*engine, c); });
    add("new_variables_are_zero", check_zero_variables);
    add("sharing_variables", check_sharing);
    add("partial_fetches", check_partial_fetches);
    add("errors", check_errors);
    add("restart", check_restart);
  }
}

}  // namespace tutti::conformance
