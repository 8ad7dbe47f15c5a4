#include "tutti/bench/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/message_of.h"
#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/bench/layer_times.h"
#include "tutti/graph/cost.h"
#include "tutti/nn/layers.h"

namespace tutti {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::Gt;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Model small_model() {
  return Sequential(
      {Input({8, 8, 3}), Conv2D(4, {3, 3}, {.activation = "relu"}), Flatten(), Dense(10, {.activation = "softmax"})}, "small");
}

BenchOptions quick(std::vector<BenchEngine> engines) {
  return {.make_model = small_model, .engines = std::move(engines), .batch_size = 4, .repetitions = 3, .seconds = 0.002};
}

// Steps as a program would tell of them, `seconds` each.
std::vector<StepTime> steps_of(std::initializer_list<std::vector<int>> groups, double seconds) {
  std::vector<StepTime> steps;
  for (const std::vector<int>& nodes : groups) steps.push_back({nodes, "GEMM", seconds});
  return steps;
}

// x (4, 3) times w (3, 2), then relu: of layers "dense" and "relu".
Graph two_layers() {
  Graph graph;
  const ValueId x = graph.input("x", {DType::kFloat32, {4, 3}}), w = graph.variable("w", {DType::kFloat32, {3, 2}});
  graph.set_origin({"dense", Node::Phase::kForward});
  const ValueId product = graph.add1(op::MatMul{}, {x, w});
  graph.set_origin({"relu", Node::Phase::kForward});
  graph.output("y", graph.add1(op::Activation{op::ActivationKind::kRelu}, {product}));
  return graph;
}

TEST(LayerTimes, AreMediansWithFlopsAndBytes) {
  const Graph graph = two_layers();
  const std::vector<LayerTime> times =
      layer_times(graph, {steps_of({{0}, {1}}, 1), steps_of({{0}, {1}}, 9), steps_of({{0}, {1}}, 2)});
  ASSERT_THAT(times, SizeIs(2));
  EXPECT_EQ(times[0].layer, "dense");
  EXPECT_EQ(times[0].phase, "forward");
  EXPECT_EQ(times[0].algorithm, "GEMM");
  EXPECT_EQ(times[0].seconds, 2);
  EXPECT_EQ(times[0].flops, 2 * 4 * 3 * 2);
  EXPECT_EQ(times[0].bytes, 4 * (4 * 3 + 3 * 2 + 4 * 2));
  EXPECT_EQ(times[1].layer, "relu");
  EXPECT_EQ(times[1].bytes, 4 * (4 * 2 + 4 * 2));
}

TEST(LayerTimes, OfFusedNodesCountNoMemoryBetweenThem) {
  const std::vector<LayerTime> times = layer_times(two_layers(), {steps_of({{0, 1}, {}}, 1)});
  ASSERT_THAT(times, SizeIs(2));
  EXPECT_EQ(times[0].layer, "dense, relu");
  EXPECT_EQ(times[0].bytes, 4 * (4 * 3 + 3 * 2 + 4 * 2));
  EXPECT_EQ(times[1].layer, "copies");
}

TEST(Bench, MeasuresEachEngineAsAWholeAndByLayer) {
  const BenchResults results = run_bench(quick({{"reference"}, {"native"}}));
  EXPECT_EQ(results.model, "small");
  EXPECT_EQ(results.purpose, "training");
  EXPECT_THAT(results.peak_flops, AllOf(SizeIs(3), Each(Gt(1e6))));
  ASSERT_THAT(results.engines, SizeIs(2));
  for (const EngineTimes& times : results.engines) {
    EXPECT_THAT(times.step_seconds, AllOf(SizeIs(3), Each(Gt(0.0))));
    double flops = 0;
    bool forward = false, update = false;
    for (const LayerTime& layer : times.layers) {
      flops += layer.flops;
      forward |= layer.layer.starts_with("conv2d") && layer.phase == "forward";
      update |= layer.layer.find("dense") != std::string::npos && layer.phase.find("update") != std::string::npos;
      EXPECT_GE(layer.seconds, 0);
    }
    EXPECT_TRUE(forward && update);
    EXPECT_LE(flops, results.flops);  // nodes that nobody needs do not run
    EXPECT_GT(flops, 0.9 * results.flops);
  }
}

TEST(Bench, MeasuresTheForwardPassAlone) {
  BenchOptions options = quick({{"native"}});
  options.purpose = Purpose::kInference;
  const BenchResults results = run_bench(options);
  EXPECT_EQ(results.optimizer, "");
  for (const LayerTime& layer : results.engines.front().layers)
    EXPECT_TRUE(layer.phase == "forward" || layer.layer == "copies") << layer.layer << " " << layer.phase;
}

TEST(Bench, StopsAtAnInterrupt) {
  set_interrupted(true);
  EXPECT_THROW(run_bench(quick({{"native"}})), Interrupted);
  set_interrupted(false);
}

TEST(Bench, StopsAtAnInterruptInTheMiddle) {
  BenchOptions options = quick({{"reference"}, {"native"}});
  options.seconds = 30;  // 3 minutes uninterrupted
  std::atomic<int> models = 0;
  options.make_model = [&] {
    ++models;
    return small_model();
  };
  const auto begin = std::chrono::steady_clock::now();
  {
    const std::jthread user([&](const std::stop_token& stop) {
      while (models < 2 && !stop.stop_requested()) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(200));  // the turns have begun
      set_interrupted(true);
    });
    EXPECT_THROW(run_bench(options), Interrupted);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  set_interrupted(false);
}

TEST(Bench, ExpectsComparableResultsBeforeItMeasures) {
  BenchOptions options = quick({{"native"}});
  BenchResults other = run_bench(options);
  options.compare_with = &other;
  EXPECT_EQ(run_bench(options).engines.size(), 1u);
  other.loss = "mse";
  options.seconds = 5;  // 15 with all repetitions
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(message_of([&] { run_bench(options); }), HasSubstr("another loss: mse"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Bench, ResultsAreTheSameAfterJson) {
  const BenchResults results = run_bench(quick({{"native"}}));
  const BenchResults read = bench_results_from_json(to_json(results), "file");
  EXPECT_EQ(to_json(read), to_json(results));
  EXPECT_THAT(message_of([] { bench_results_from_json("{}", "x.json"); }),
              HasSubstr("x.json is not what `tutti bench --json`"));
  EXPECT_THAT(message_of([] { bench_results_from_json("[1", "x.json"); }), HasSubstr("x.json is not what"));
  EXPECT_THAT(message_of([&] { bench_results_from_json(to_json(results).substr(0, 300), "x.json"); }), HasSubstr("x.json"));
}

BenchResults results_of(double step, double peak, double layer) {
  BenchResults results{.model = "m", .purpose = "training", .batch_size = 32, .threads = 2, .peak_flops = {peak}};
  results.engines.push_back({.engine = {.name = "native"}, .step_seconds = {step}});
  results.engines.front().layers.push_back({.layer = "conv2d", .phase = "forward", .seconds = layer});
  return results;
}

TEST(Bench, ARegressionIsSlowerInSecondsAndAgainstThePeak) {
  const auto compare = [](const BenchResults& now) { return compare_bench(results_of(1, 100, 0.5), now, 0.1).front(); };
  EXPECT_FALSE(compare(results_of(1.05, 100, 0.5)).is_regression);
  EXPECT_TRUE(compare(results_of(1.2, 100, 0.5)).is_regression);
  EXPECT_FALSE(compare(results_of(1.2, 80, 0.5)).is_regression);  // a busy machine: the peak fell as much
  EXPECT_FALSE(compare(results_of(0.8, 200, 0.5)).is_regression);
  EXPECT_THAT(compare(results_of(1, 100, 1)).slower, ElementsAre(HasSubstr("conv2d forward: 2.00 times")));
  EXPECT_THAT(compare(results_of(1, 100, 0.5)).slower, IsEmpty());
  EXPECT_THAT(compare_bench(results_of(1, 100, 0), results_of(1, 100, 1), 0.1).front().slower, IsEmpty());
}

TEST(Bench, NamesWhatHasNoCounterpart) {
  BenchResults before = results_of(1, 100, 0.5), now = before;
  EXPECT_THAT(unmatched(before, now).added, IsEmpty());
  EXPECT_THAT(unmatched(before, now).gone, IsEmpty());
  before.engines.push_back({.engine = {.name = "torch", .device = "cuda:0"}});
  before.engines.front().layers.push_back({.layer = "dense", .phase = "backward"});
  now.engines.insert(now.engines.begin(), {.engine = {.name = "onednn"}});
  now.engines.back().layers.front().layer = "conv2d, relu";
  now.engines.back().layers.push_back({.layer = "copies"});
  EXPECT_THAT(unmatched(before, now).added, ElementsAre("onednn", "native: conv2d, relu forward", "native: copies"));
  EXPECT_THAT(unmatched(before, now).gone, ElementsAre("native: conv2d forward", "native: dense backward", "torch:cuda:0"));
  EXPECT_THAT(compare_bench(before, now, 0.1), SizeIs(1));
}

TEST(Bench, ComparesOnlyTheSameWork) {
  BenchResults other = results_of(1, 100, 1);
  other.batch_size = 64;
  EXPECT_THAT(message_of([&] { compare_bench(other, results_of(1, 100, 1), 0.1); }),
              HasSubstr("another batch size: 64. Now it is 32."));
  other = results_of(1, 100, 1);
  other.loss = "mse";
  EXPECT_THAT(message_of([&] { compare_bench(other, results_of(1, 100, 1), 0.1); }), HasSubstr("another loss: mse."));
  other = results_of(1, 100, 1);
  other.engines.front().engine.name = "torch";
  EXPECT_THAT(message_of([&] { compare_bench(other, results_of(1, 100, 1), 0.1); }), HasSubstr("other engines"));
}

}  // namespace
}  // namespace tutti
