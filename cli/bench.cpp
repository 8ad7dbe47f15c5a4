#include "tutti/bench/bench.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/engines/engines.h"
#include "tutti/experiment/model_file.h"
#include "tutti/report/tables.h"

namespace tutti::cli {
namespace {

struct Arguments {
  std::filesystem::path model, compare;
  std::vector<std::string> engines;
  bool inference = false, json = false;
  std::int64_t batch = 32;
  int repetitions = 5;
  std::string loss = "sparse_categorical_crossentropy", optimizer = "adam", tolerance = "10", seconds = "0.3";
};

// "torch:cuda:0"; "all": every available one but reference.
std::vector<BenchEngine> engines_of(const std::vector<std::string>& names) {
  std::vector<BenchEngine> engines;
  for (const std::string& name : names) {
    if (name == "all") {
      for (const EngineInfo& info : list_engines())
        if (info.available && info.name != "reference") engines.push_back({info.name, "cpu"});
      continue;
    }
    const std::size_t colon = name.find(':');
    engines.push_back({name.substr(0, colon), colon == std::string::npos ? "cpu" : name.substr(colon + 1)});
  }
  for (const BenchEngine& engine : engines) make_engine(engine.name, engine.device);  // says which are missing, at once
  return engines;
}

std::string milliseconds(double seconds) { return fmt::format("{:.3g} ms", seconds * 1e3); }

std::string rate(double flops, double seconds) { return seconds > 0 ? fmt::format("{:.0f}", 1e-9 * flops / seconds) : ""; }

// Of the processor's peak, which says nothing of a GPU.
std::string share_of_peak(const BenchResults& results, const EngineTimes& times, double flops, double seconds) {
  const double peak = median(results.peak_flops);
  if (times.engine.device != "cpu" || !(seconds > 0) || !(peak > 0)) return "";
  return fmt::format("{:.0f} %", 100 * flops / seconds / peak);
}

std::string label(const BenchEngine& engine) {
  return engine.device == "cpu" ? engine.name : engine.name + ":" + engine.device;
}

std::string layer_table(const BenchResults& results, const EngineTimes& times) {
  double sum = 0, bytes = 0;
  for (const LayerTime& layer : times.layers) sum += layer.seconds, bytes += layer.bytes;
  Table table({"layer", "phase", "time", "share", "GFLOP/s", "of peak", "MiB", "algorithm"});
  for (const LayerTime& layer : times.layers)
    table.add({layer.layer, layer.phase, milliseconds(layer.seconds), fmt::format("{:.1f} %", 100 * layer.seconds / sum),
               rate(layer.flops, layer.seconds), share_of_peak(results, times, layer.flops, layer.seconds),
               fmt::format("{:.2f}", layer.bytes / (1 << 20)), layer.algorithm});
  table.rule();
  table.add({"sum", "", milliseconds(sum), "", rate(results.flops, sum), share_of_peak(results, times, results.flops, sum),
             fmt::format("{:.2f}", bytes / (1 << 20)), ""});
  return label(times.engine) + "\n" + table.text() + "\n";
}

std::string step_table(const BenchResults& results) {
  const double first = median(results.engines.front().step_seconds);
  Table table({"engine", "step", "lowest", "highest", "samples/s", "GFLOP/s", "of peak", "workspace",
               "times " + label(results.engines.front().engine)});
  for (const EngineTimes& times : results.engines) {
    const double step = median(times.step_seconds);
    const auto [lowest, highest] = std::ranges::minmax(times.step_seconds);
    table.add({label(times.engine), milliseconds(step), milliseconds(lowest), milliseconds(highest),
               fmt::format("{:.0f}", static_cast<double>(results.batch_size) / step), rate(results.flops, step),
               share_of_peak(results, times, results.flops, step), fmt::format("{:.1f} MiB", times.workspace_bytes / (1 << 20)),
               fmt::format("{:.2f}", step / first)});
  }
  return table.text();
}

void print_results(const BenchResults& results) {
  std::string cpu;
  for (const auto& [what, value] : results.environment)
    if (what == "CPU") cpu = " of " + value;
  std::string text =
      fmt::format("{} ({} parameters): {} step of {} samples, {:.3g} GFLOP\n{} thread{}{}, peak {:.0f} GFLOP/s\n\n",
                  results.model, results.parameters, results.purpose, results.batch_size, 1e-9 * results.flops, results.threads,
                  results.threads == 1 ? "" : "s", cpu, 1e-9 * median(results.peak_flops));
  for (const EngineTimes& times : results.engines) text += layer_table(results, times);
  text += step_table(results);
  for (const EngineTimes& times : results.engines)
    for (const std::string& fallback : times.fallbacks)
      text += fmt::format("{}: on the reference engine: {}\n", label(times.engine), fallback);
  print(text);
}

// True if an engine got slower.
bool print_changes(const std::vector<BenchChange>& changes, double tolerance) {
  Table table({"engine", "before", "now", "times", "times, to the peak", ""});
  std::string layers;
  bool regressed = false;
  for (const BenchChange& change : changes) {
    regressed |= change.is_regression;
    const BenchEngine engine{change.engine, change.device};
    table.add({label(engine), milliseconds(change.before), milliseconds(change.now), fmt::format("{:.2f}", change.ratio),
               fmt::format("{:.2f}", change.ratio_to_peak), change.is_regression ? "slower" : "as fast"});
    for (const std::string& layer : change.slower) layers += fmt::format("{}: {}\n", label(engine), layer);
  }
  print("\n" + table.text());
  if (!layers.empty()) print(fmt::format("Layers that are slower by more than {:g} %:\n{}", 100 * tolerance, layers));
  return regressed;
}

// What one of the two has and the other has not.
void print_unmatched(const BenchUnmatched& unmatched, const std::string& file) {
  const auto list = [](const std::string& title, const std::vector<std::string>& names) {
    std::string text = names.empty() ? "" : title + ":\n";
    for (const std::string& name : names) text += "  " + name + "\n";
    print(text);
  };
  list("New, not in " + file, unmatched.added);
  list("Gone, only in " + file, unmatched.gone);
}

}  // namespace

void add_bench(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("bench", "Measure a model on the engines: each layer, and a whole step");
  command.option("MODEL", arguments->model, "model file: .yaml, .json, .h5 or .hdf5").required();
  command.option("--engine", arguments->engines, "ENGINE[:DEVICE], or all: the available ones (default; may be repeated)")
      .repeated();
  command.flag("--inference", arguments->inference, "the forward pass only (default: a training step)");
  command.option("--batch", arguments->batch, "samples of a step").positive().show_default();
  command.option("--optimizer", arguments->optimizer, "of a training step").show_default();
  command.option("--loss", arguments->loss, "of a training step").show_default();
  command.option("--repetitions", arguments->repetitions, "turns that each engine gets").positive().show_default();
  command.option("--seconds", arguments->seconds, "of a turn, at least").show_default();
  command.flag("--json", arguments->json, "print JSON and nothing else");
  command.option("--compare", arguments->compare, "what --json printed before; exit code 1 if a step is slower now")
      .excludes("--json");
  command.option("--tolerance", arguments->tolerance, "with --compare: per cent that are no regression").show_default();
  command.examples({"tutti bench examples/cifar10_cnn.yaml", "tutti bench model.h5 --inference --batch 1 --engine native",
                    "tutti bench examples/cifar10_cnn.yaml --json > before.json",
                    "tutti bench examples/cifar10_cnn.yaml --compare before.json"});
  command.on_run([arguments, &code] {
    const double seconds = number_of(arguments->seconds, "--seconds");
    const double tolerance = number_of(arguments->tolerance, "--tolerance") / 100;
    if (!(seconds > 0 && seconds <= 600)) fail("--seconds", "expected 0 to 600 seconds. Got {}.", arguments->seconds);
    if (!(tolerance >= 0)) fail("--tolerance", "expected a percentage that is not negative. Got {}.", arguments->tolerance);
    std::optional<BenchResults> before;  // read first, and compared before anything is measured: a mistake costs no time
    if (!arguments->compare.empty())
      before = bench_results_from_json(read_file(arguments->compare), arguments->compare.string());
    if (arguments->engines.empty()) arguments->engines = {"all"};
    BenchOptions options{.make_model = [&] { return model_from_file(arguments->model); },
                         .optimizer = arguments->optimizer,
                         .loss = arguments->loss,
                         .engines = engines_of(arguments->engines),
                         .purpose = arguments->inference ? Purpose::kInference : Purpose::kTraining,
                         .batch_size = arguments->batch,
                         .repetitions = arguments->repetitions,
                         .seconds = seconds,
                         .compare_with = before ? &*before : nullptr};
    const BenchResults results = run_bench(options);
    if (arguments->json)
      print(to_json(results));
    else
      print_results(results);
    code = kOk;
    if (!before) return;
    if (print_changes(compare_bench(*before, results, tolerance), tolerance)) code = kError;
    print_unmatched(unmatched(*before, results), arguments->compare.string());
  });
}

}  // namespace tutti::cli
