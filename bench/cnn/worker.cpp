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
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "tutti/base/error.h"
#include "tutti/bench/engine_step.h"
#include "tutti/engines/engines.h"
#include "tutti/experiment/model_file.h"

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

Model compiled_model(const std::string& engine, const std::string& file) {
  Model model = model_from_file(file);
  model.compile({.optimizer = Adam(), .loss = "sparse_categorical_crossentropy", .engine = engine});
  return model;
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
  Worker(const std::string& engine, const std::string& model) : model_(compiled_model(engine, model)) {}

  double answer(const std::string& request, std::int64_t batch) {
    if (request == "peak") return 1e-9 * measure_peak_flops(kSeconds);
    if (request == "memory") return peak_memory();
    if (request == "parameters") return parameters();
    const Purpose purpose = request == "infer" ? Purpose::kInference : Purpose::kTraining;
    auto& step = steps_[{purpose, batch}];
    if (!step) {
      step = std::make_unique<EngineStep>(model_, purpose, batch);
      for (int i = 0; i < 3; ++i) step->run();
    }
    const auto run = [&] { step->run(); };
    return static_cast<double>(batch) * (request == "fastest" ? fastest_rate(run) : rate(run));
  }

 private:
  double parameters() const {
    std::int64_t count = 0;
    for (const Weight* weight : model_.trainable_weights()) count += weight->value.shape().elements();
    return static_cast<double>(count);
  }

  Model model_;
  std::map<std::pair<Purpose, std::int64_t>, std::unique_ptr<EngineStep>> steps_;
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
