// What a model's step takes on each engine, as a whole and layer by layer: `tutti bench`. Engines take turns (Google Benchmark,
// with its repetitions interleaved at random), so that a busy moment of the machine hits all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tutti/nn/graph_writer.h"
#include "tutti/nn/model.h"

namespace tutti {

struct BenchEngine {
  std::string name, device = "cpu";  // as make_engine() takes them
};

struct BenchResults;

struct BenchOptions {
  std::function<Model()> make_model;  // a new one for each engine
  std::string optimizer = "adam", loss = "sparse_categorical_crossentropy";
  std::vector<BenchEngine> engines;
  Purpose purpose = Purpose::kTraining;  // or kInference
  std::int64_t batch_size = 32;
  int repetitions = 5;
  double seconds = 0.3;                        // of a repetition, at least
  const BenchResults* compare_with = nullptr;  // expect_comparable() before anything is measured
};

// The steps of a program that belong to the same layers and the same phase.
struct LayerTime {
  std::string layer;      // "conv2d", of fused ones "conv2d, max_pooling2d"; "loss", "optimizer", "copies"
  std::string phase;      // "forward", "backward", "update", "backward, update"; "" of copies
  std::string algorithm;  // "Winograd F(4x4, 3x3)"; "" if unknown, or if there is but one
  double seconds = 0;     // median
  double flops = 0;       // flops_of(): those of a direct sum, however few were computed
  double bytes = 0;       // that its steps read and write, each buffer once a step
};

struct EngineTimes {
  BenchEngine engine;
  std::vector<double> step_seconds;  // of a whole step: the mean of each repetition
  std::vector<LayerTime> layers;     // in the order of the graph
  std::vector<std::string> fallbacks;
  double workspace_bytes = 0;
};

struct BenchResults {
  std::string model, purpose, optimizer, loss;  // the last two "" for inference
  std::int64_t batch_size = 0, parameters = 0;
  int threads = 0;
  double flops = 0;                // of a step
  std::vector<double> peak_flops;  // of the processor, measured between the others
  std::vector<EngineTimes> engines;
  std::vector<std::pair<std::string, std::string>> environment;  // describe_environment()
};

// Error if a model can not be compiled or an engine gave no times, Interrupted after Ctrl-C.
BenchResults run_bench(const BenchOptions& options);

double median(std::vector<double> values);

// results_file.cpp
std::string to_json(const BenchResults& results);
// Error names what is missing; `file` names the text in it.
BenchResults bench_results_from_json(const std::string& text, const std::string& file);

// One engine, before and now.
struct BenchChange {
  std::string engine, device;
  double before = 0, now = 0;       // seconds of a step, medians
  double ratio = 0;                 // now / before
  double ratio_to_peak = 0;         // the same of the times in units of the peak then and now: what a busy machine leaves
  std::vector<std::string> slower;  // layers whose own ratio is above 1 + tolerance both ways
  bool is_regression = false;       // both ratios are above 1 + tolerance
};

// Error if they are not of the same model, purpose, optimizer, loss, batch size and number of threads, or have no engine in
// common. Looks at no times.
void expect_comparable(const BenchResults& before, const BenchResults& now);

// Of the engines and layers that both have: see unmatched(). Error as of expect_comparable(), or if an engine had no time.
std::vector<BenchChange> compare_bench(const BenchResults& before, const BenchResults& now, double tolerance);

// What has no counterpart: engines ("torch:cuda:0"), and layers of engines that both have ("native: conv2d forward"). Another
// fusion is another layer.
struct BenchUnmatched {
  std::vector<std::string> added, gone;  // only in `now`, only in `before`
};
BenchUnmatched unmatched(const BenchResults& before, const BenchResults& now);

}  // namespace tutti
