// The convolutions and matrix products of the reference CNN, forward and backward, batch 32, on the engine that $TUTTI_ENGINE
// names, in useful GFLOP per second of processor time, all threads' added up: so the rate is that of one core, and holds on a
// loaded machine too. "peak" is the native engine's register tile on data in the L1 cache; judge by the ratio to it.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <utility>

#include "tutti/base/parallel.h"
#include "tutti/engines/engines.h"
#include "tutti/engines/native/isa/gemm.h"

namespace tutti {
namespace {

using namespace op;

constexpr std::int64_t kBatch = 32;

struct Layer {
  const char* name;
  std::int64_t size, c_in, c_out;
  bool same;
};
constexpr Layer kLayers[] = {
    {"conv1", 32, 3, 32, true}, {"conv2", 32, 32, 32, false}, {"conv3", 15, 32, 64, true}, {"conv4", 15, 64, 64, false}};

Tensor filled(const Shape& shape) {
  Tensor tensor(shape);
  std::int64_t i = 0;
  for (float& value : tensor.data<float>()) value = static_cast<float>(i++ % 17) / 17 - 0.5f;
  return tensor;
}

// Times one op; `products` are its multiply-adds.
void time_op(benchmark::State& state, const Op& op, const std::vector<Tensor>& inputs, std::int64_t products) {
  OpCall call{op, {}, {}};
  for (const Tensor& tensor : inputs) call.inputs.push_back(tensor.type());
  call.outputs = infer_types(op, call.inputs);
  const std::shared_ptr<Engine> engine = make_engine();
  const Prepared prepared = engine->prepare(call);
  if (!prepared.kernel) return state.SkipWithError(prepared.refusal.c_str());
  std::vector<ConstView> in;
  std::vector<Tensor> outputs;
  std::vector<View> out;
  for (const Tensor& tensor : inputs) in.push_back(tensor.view());
  for (const TensorType& type : call.outputs) outputs.emplace_back(type);
  for (Tensor& tensor : outputs) out.push_back(tensor.view());
  for (auto _ : state) prepared.kernel->run(in, out);
  state.counters["GFLOP/s"] =
      benchmark::Counter(2e-9 * static_cast<double>(products), benchmark::Counter::kIsIterationInvariantRate);
}

enum class Direction { kForward, kInputGrad, kKernelGrad };

void conv(benchmark::State& state, const Layer& layer, Direction direction) {
  const int pad = layer.same ? 1 : 0;
  const ConvAttributes attributes{.padding = {pad, pad, pad, pad}};
  const std::int64_t o = layer.same ? layer.size : layer.size - 2;
  const Tensor x = filled({kBatch, layer.size, layer.size, layer.c_in}), kernel = filled({3, 3, layer.c_in, layer.c_out});
  const Tensor dy = filled({kBatch, o, o, layer.c_out});
  const std::int64_t products = dy.elements() * 9 * layer.c_in;
  switch (direction) {
    case Direction::kForward:
      return time_op(state, Conv2D{attributes}, {x, kernel, filled({layer.c_out})}, products);
    case Direction::kInputGrad:
      return time_op(state, Conv2DInputGrad{attributes, x.shape()}, {dy, kernel}, products);
    case Direction::kKernelGrad:
      return time_op(state, Conv2DKernelGrad{attributes, kernel.shape()}, {x, dy}, products);
  }
}

void dense(benchmark::State& state, std::int64_t k, std::int64_t n, Direction direction) {
  const Tensor x = filled({kBatch, k}), w = filled({k, n}), dy = filled({kBatch, n});
  switch (direction) {
    case Direction::kForward:
      return time_op(state, MatMul{}, {x, w, filled({n})}, kBatch * k * n);
    case Direction::kInputGrad:
      return time_op(state, MatMul{false, true}, {dy, w}, kBatch * k * n);
    case Direction::kKernelGrad:
      return time_op(state, MatMul{true, false}, {x, dy}, kBatch * k * n);
  }
}

void peak(benchmark::State& state) {
  const native::GemmIsa& isa = native::gemm_isa();
  constexpr std::int64_t kDepth = 128, kRepeats = 1000;
  const std::int64_t width = isa.panel_width(), rows = isa.max_rows;
  for (auto _ : state) {
    parallel_for(0, num_threads(), 1, [&](std::int64_t, std::int64_t) {
      const Tensor a = filled({rows, kDepth + 16}), b = filled({kDepth, width});
      Tensor c(Shape{rows, width});
      const native::Tap tap{0, kDepth};
      for (std::int64_t i = 0; i < kRepeats; ++i)
        isa.dot[native::GemmIsa::kMaxVectors - 1][rows - 1]({.a = a.data<float>().data(),
                                                             .a_row_stride = kDepth + 16,
                                                             .taps = &tap,
                                                             .tap_count = 1,
                                                             .b = b.data<float>().data(),
                                                             .b_row_stride = width,
                                                             .bias = nullptr,
                                                             .accumulate = false,
                                                             .c = c.data<float>().data(),
                                                             .c_row_stride = width,
                                                             .columns = width});
      benchmark::DoNotOptimize(c.raw());
    });
  }
  const auto products = static_cast<double>(num_threads() * kRepeats * rows * width * kDepth);
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * products, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(peak)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);

const bool registered = [] {
  constexpr std::pair<Direction, const char*> kDirections[] = {
      {Direction::kForward, "forward"}, {Direction::kInputGrad, "input_grad"}, {Direction::kKernelGrad, "kernel_grad"}};
  for (const auto& [direction, direction_name] : kDirections) {
    const auto add = [name = direction_name](const char* layer, auto run) {
      benchmark::RegisterBenchmark(fmt::format("{}/{}", layer, name).c_str(), run)
          ->MeasureProcessCPUTime()
          ->Unit(benchmark::kMicrosecond);
    };
    for (const Layer& layer : kLayers)
      add(layer.name, [&layer, d = direction](benchmark::State& state) { conv(state, layer, d); });
    add("dense512", [d = direction](benchmark::State& state) { dense(state, 2304, 512, d); });
    add("dense10", [d = direction](benchmark::State& state) { dense(state, 512, 10, d); });
  }
  return true;
}();

}  // namespace
}  // namespace tutti
