// One contender of compare.py: a model (YAML) on one engine. Reads requests from standard input, one a line, and answers
// each with one number, so that contenders take turns within one run:
//   train BATCH     training images a second, over at least half a second
//   infer BATCH     inference images a second
//   fastest BATCH   training images a second of the fastest step in that time: for comparing changes on a busy machine
//   peak            GFLOP/s of multiply-adds in registers, all threads
//   memory          peak resident bytes
//   parameters      of the model, trained ones
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "tutti/base/error.h"
#include "tutti/base/parallel.h"
#include "tutti/base/philox.h"
#include "tutti/engines/engines.h"
#include "tutti/engines/native/isa/gemm.h"
#include "tutti/experiment/model_file.h"
#include "tutti/nn/graph_writer.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSeconds = 0.5;  // of one answer

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// How often `body` runs in a second.
template <class Body>
double rate(const Body& body) {
  const auto begin = Clock::now();
  int count = 0;
  do {
    body();
    ++count;
  } while (since(begin) < kSeconds);
  return count / since(begin);
}

// 1 / the time of the fastest run of `body`.
template <class Body>
double fastest_rate(const Body& body) {
  double seconds = 1e9;
  for (const auto begin = Clock::now(); since(begin) < kSeconds;) {
    const auto run = Clock::now();
    body();
    seconds = std::min(seconds, since(run));
  }
  return 1 / seconds;
}

Model compiled_model(const std::string& file) {
  Model model = model_from_file(file);
  model.compile({.optimizer = Adam(), .loss = "sparse_categorical_crossentropy"});
  return model;
}

// A graph with its program, weights drawn as Glorot's uniform, and one batch to feed.
class Running {
 public:
  Running(Engine& engine, const Model& model, Purpose purpose, std::int64_t batch)
      : graph_(write_graph(model, {.purpose = purpose, .batch_size = batch})), program_(engine.compile(graph_)) {
    for (std::size_t i = 0; i < graph_.variables().size(); ++i) initialize(static_cast<VariableId>(i));
    for (const NamedValue& input : graph_.inputs()) batch_.push_back(drawn(graph_.type(input.value)));
    for (std::size_t i = 0; i < batch_.size(); ++i) feeds_.push_back({graph_.inputs()[i].value, batch_[i].view()});
    for (const NamedValue& output : graph_.outputs()) outputs_.emplace_back(graph_.type(output.value));
    for (std::size_t i = 0; i < outputs_.size(); ++i) fetches_.push_back({graph_.outputs()[i].value, outputs_[i].view()});
  }
  void run() { program_->run(feeds_, fetches_); }
  const Graph& graph() const { return graph_; }

 private:
  void initialize(VariableId id) {
    const Variable& variable = graph_.variables()[static_cast<std::size_t>(id)];
    Tensor value(graph_.type(variable.value));
    const Shape& shape = value.shape();
    if (variable.name == kLearningRateVariable) {
      value = Tensor::scalar(1e-3f);
    } else if (variable.name.ends_with("/kernel")) {
      const auto cells = static_cast<double>(shape.elements() / shape[-1] / shape[shape.rank() - 2]);
      const double limit = std::sqrt(6 / (cells * static_cast<double>(shape[-1] + shape[shape.rank() - 2])));
      const Philox random(1, stream_of(variable.name.c_str()));
      std::uint64_t i = 0;
      for (float& w : value.data<float>()) w = static_cast<float>(limit * (2 * random.uniform(i++) - 1));
    }
    if (variable.name.ends_with("/gamma") || variable.name.ends_with("/moving_variance"))
      std::ranges::fill(value.data<float>(), 1.0f);
    program_->write(id, value);
  }
  static Tensor drawn(const TensorType& type) {
    Tensor tensor(type);
    const Philox random(2, 0);
    std::uint64_t i = 0;
    if (type.dtype == DType::kUInt8)
      for (std::uint8_t& pixel : tensor.data<std::uint8_t>()) pixel = static_cast<std::uint8_t>(random.below(i++, 256));
    if (type.dtype == DType::kFloat32)
      for (float& pixel : tensor.data<float>()) pixel = static_cast<float>(random.below(i++, 256));
    if (type.dtype == DType::kInt32)
      for (std::int32_t& label : tensor.data<std::int32_t>()) label = static_cast<std::int32_t>(random.below(i++, 10));
    return tensor;
  }

  Graph graph_;
  std::unique_ptr<Program> program_;
  std::vector<Tensor> batch_, outputs_;
  std::vector<Feed> feeds_;
  std::vector<Fetch> fetches_;
};

// The native engine's widest register tile on data in the L1 cache.
double peak() {
  const native::GemmIsa& isa = native::gemm_isa();
  constexpr std::int64_t kDepth = 256, kRepeats = 200;
  const std::int64_t width = isa.panel_width(), rows = isa.max_rows;
  const double products = static_cast<double>(num_threads() * kRepeats * rows * width * kDepth);
  return 2e-9 * products * rate([&] {
           parallel_for(0, num_threads(), 1, [&](std::int64_t, std::int64_t) {
             const Tensor a(Shape{rows, kDepth + 16}), b(Shape{kDepth, width});
             Tensor c(Shape{rows, width});
             const native::Tap tap{0, kDepth};
             const native::DotTile tile{.a = a.data<float>().data(),
                                        .a_row_stride = kDepth + 16,
                                        .taps = &tap,
                                        .tap_count = 1,
                                        .b = b.data<float>().data(),
                                        .b_row_stride = width,
                                        .bias = nullptr,
                                        .accumulate = true,
                                        .c = c.data<float>().data(),
                                        .c_row_stride = width,
                                        .columns = width};
             for (std::int64_t i = 0; i < kRepeats; ++i) isa.dot[native::GemmIsa::kMaxVectors - 1][rows - 1](tile);
           });
         });
}

double peak_memory() {
  std::ifstream status("/proc/self/status");
  std::string word;
  double kib = 0;
  while (status >> word)
    if (word == "VmHWM:") status >> kib;
  return kib * 1024;
}

class Worker {
 public:
  Worker(const std::string& engine, const std::string& model) : engine_(make_engine(engine)), model_(compiled_model(model)) {}

  double answer(const std::string& request, std::int64_t batch) {
    if (request == "peak") return peak();
    if (request == "memory") return peak_memory();
    if (request == "parameters") return parameters();
    const Purpose purpose = request == "infer" ? Purpose::kInference : Purpose::kTraining;
    auto& running = running_[{purpose, batch}];
    if (!running) {
      running = std::make_unique<Running>(*engine_, model_, purpose, batch);
      for (int i = 0; i < 3; ++i) running->run();
    }
    const auto run = [&] { running->run(); };
    return static_cast<double>(batch) * (request == "fastest" ? fastest_rate(run) : rate(run));
  }

 private:
  double parameters() const {
    std::int64_t count = 0;
    for (const Weight* weight : model_.trainable_weights()) count += weight->value.shape().elements();
    return static_cast<double>(count);
  }

  std::shared_ptr<Engine> engine_;
  Model model_;
  std::map<std::pair<Purpose, std::int64_t>, std::unique_ptr<Running>> running_;
};

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) try {
  if (argc != 3) tutti::fail("bench_cnn_worker", "wrong arguments. Expected ENGINE MODEL.yaml. Got {} of them.", argc - 1);
  tutti::Worker worker(argv[1], argv[2]);
  std::string request;
  while (std::cin >> request) {
    std::int64_t batch = 0;
    if (request == "train" || request == "infer" || request == "fastest") std::cin >> batch;
    fmt::print("{:.9g}\n", worker.answer(request, batch));
    std::fflush(stdout);
  }
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
