#include "tutti/bench/bench.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/parallel.h"
#include "tutti/bench/engine_step.h"
#include "tutti/bench/layer_times.h"
#include "tutti/engines/engines.h"
#include "tutti/experiment/environment.h"
#include "tutti/graph/cost.h"

namespace tutti {
namespace {

constexpr int kMinTimedRuns = 5, kMaxTimedRuns = 200;
constexpr char kPeak[] = "peak";

Model made_ready(const BenchOptions& options, const BenchEngine& engine) {
  Model model = options.make_model();
  if (options.purpose == Purpose::kInference) {  // needs no loss, which a model of several outputs cannot have
    Programs::on(model, make_engine(engine.name, engine.device));
    return model;
  }
  model.compile({.optimizer = Optimizer(options.optimizer),
                 .loss = LossFunction(options.loss),
                 .engine = engine.name,
                 .device = engine.device});
  return model;
}

// Takes Google Benchmark's results and prints nothing.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs)
      if (run.run_type == Run::RT_Iteration && !run.error_occurred && run.iterations > 0)
        seconds_[run.run_name.function_name].push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
  }
  std::vector<double> seconds(const std::string& name) const {
    const auto found = seconds_.find(name);
    return found == seconds_.end() ? std::vector<double>() : found->second;
  }

 private:
  std::map<std::string, std::vector<double>> seconds_;
};

std::string name_of_benchmark(std::size_t engine) { return fmt::format("engine {}", engine); }

// Flags of Google Benchmark take their defaults from BENCHMARK_* in the environment: those that would change or drop what is
// measured are set here.
void initialize_benchmark() {
  static const bool initialized [[maybe_unused]] = [] {
    std::string words[] = {"tutti",
                           "--benchmark_enable_random_interleaving=true",
                           "--benchmark_list_tests=false",
                           "--benchmark_report_aggregates_only=false",
                           "--benchmark_display_aggregates_only=false",
                           "--benchmark_min_warmup_time=0",
                           "--benchmark_perf_counters=",
                           "--benchmark_out="};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    int count = static_cast<int>(arguments.size());
    benchmark::Initialize(&count, arguments.data());
    return true;
  }();
}

// `peaks` gets one measurement a repetition.
Collector run_interleaved(std::vector<std::unique_ptr<EngineStep>>& steps, const BenchOptions& options,
                          std::vector<double>& peaks) {
  initialize_benchmark();
  benchmark::ClearRegisteredBenchmarks();
  std::exception_ptr failure;  // Google Benchmark is compiled without a thought of exceptions
  const auto until_failure = [&failure](auto body) {
    return [&failure, body](benchmark::State& state) {
      for (auto _ : state) {
        try {
          if (!interrupted() && !failure) body();
        } catch (...) {
          failure = std::current_exception();
        }
        if (interrupted() || failure) return state.SkipWithError("stopped");
      }
    };
  };
  for (std::size_t i = 0; i < steps.size(); ++i)
    benchmark::RegisterBenchmark(name_of_benchmark(i).c_str(), until_failure([step = steps[i].get()] { step->run(); }))
        ->UseRealTime()
        ->MinTime(options.seconds)
        ->Repetitions(options.repetitions);
  benchmark::RegisterBenchmark(kPeak, until_failure([&peaks] { peaks.push_back(measure_peak_flops()); }))
      ->UseRealTime()
      ->Iterations(1)
      ->Repetitions(options.repetitions);
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector, "all");
  benchmark::ClearRegisteredBenchmarks();
  if (failure) std::rethrow_exception(failure);
  check_interrupt();
  return collector;
}

// Runs for about `seconds`.
std::vector<LayerTime> time_layers(EngineStep& step, double seconds) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::vector<StepTime>> runs;
  const auto begin = Clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  while (runs.size() < kMinTimedRuns || (runs.size() < kMaxTimedRuns && passed() < seconds)) {
    runs.push_back(step.run_timed());
    check_interrupt();
  }
  return layer_times(step.graph(), runs);
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

BenchResults run_bench(const BenchOptions& options) {
  const bool training = options.purpose == Purpose::kTraining;
  std::vector<std::unique_ptr<EngineStep>> steps;
  for (const BenchEngine& engine : options.engines) {
    steps.push_back(std::make_unique<EngineStep>(made_ready(options, engine), options.purpose, options.batch_size));
    steps.back()->run();  // what is made at the first run is made now
    check_interrupt();
  }
  if (steps.empty()) fail("bench", "there is no engine to measure.");
  BenchResults results{.model = steps.front()->model().name(),
                       .purpose = training ? "training" : "inference",
                       .optimizer = training ? options.optimizer : "",
                       .loss = training ? options.loss : "",
                       .batch_size = options.batch_size,
                       .parameters = steps.front()->model().count_params(),
                       .threads = num_threads(),
                       .flops = flops_of(steps.front()->graph()),
                       .environment = describe_environment()};
  for (const BenchEngine& engine : options.engines) results.engines.push_back({.engine = engine});
  if (options.compare_with) expect_comparable(*options.compare_with, results);
  const Collector collector = run_interleaved(steps, options, results.peak_flops);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EngineTimes& times = results.engines[i];
    times.step_seconds = collector.seconds(name_of_benchmark(i));
    if (times.step_seconds.empty())
      fail("bench", "Google Benchmark has given no time of {} on {}. Expected {} repetitions. Got 0.", times.engine.name,
           times.engine.device, options.repetitions);
    times.layers = time_layers(*steps[i], options.seconds);
    times.fallbacks = steps[i]->program().fallbacks();
    times.workspace_bytes = static_cast<double>(steps[i]->program().workspace_bytes());
  }
  return results;
}

}  // namespace tutti
