// What the input pipeline and the training loop cost: epochs of fit() against as many bare steps of the same program, in turns.
// 1,280 images of the size of CIFAR-10's lie in memory as bytes; compiling is not counted. On a machine that others use,
// processor time says more than wall time. Medians, with the lowest and the highest round.
//
//   bench_epoch MODEL.yaml [ROUNDS [BATCH...]]     # default: 19 rounds, batch 32 and 128
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "tutti/base/parallel.h"
#include "tutti/base/philox.h"
#include "tutti/bench/engine_step.h"
#include "tutti/data/batches.h"
#include "tutti/experiment/model_file.h"

namespace tutti {
namespace {

constexpr std::int64_t kImages = 1280;
constexpr std::uint64_t kSeed = 0;  // that of EngineStep: fit() then runs the very same program

struct Cost {
  double wall = 0, processor = 0;  // seconds; the processor's of all threads together
  Cost operator+(const Cost& other) const { return {wall + other.wall, processor + other.processor}; }
};

Cost cost_of(const std::function<void()>& body) {
  const auto now = [](clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const Cost begin{now(CLOCK_MONOTONIC), now(CLOCK_PROCESS_CPUTIME_ID)};
  body();
  return {now(CLOCK_MONOTONIC) - begin.wall, now(CLOCK_PROCESS_CPUTIME_ID) - begin.processor};
}

Dataset drawn_images() {
  Tensor x({kImages, 32, 32, 3}, DType::kUInt8), y({kImages}, DType::kInt32);
  const Philox random(1, stream_of("images"));
  std::uint64_t i = 0;
  for (std::uint8_t& pixel : x.data<std::uint8_t>()) pixel = static_cast<std::uint8_t>(random.below(i++, 256));
  for (std::int32_t& label : y.data<std::int32_t>()) label = static_cast<std::int32_t>(random.below(i++, 10));
  return Dataset::from_tensors(x, y);
}

// "median (lowest to highest)"
std::string spread(std::vector<double> values) {
  std::ranges::sort(values);
  return fmt::format("{:.2f} ({:.2f} to {:.2f})", values[values.size() / 2], values.front(), values.back());
}

void measure(const std::string& file, const Dataset& all, std::int64_t batch, int rounds) {
  Model model = model_from_file(file);
  model.compile({.optimizer = Adam(), .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  // Whole batches only: no second program for a short one.
  const std::int64_t steps = kImages / batch;
  const Dataset data = all.take(steps * batch);
  const auto epoch = [&] { model.fit(data, {.batch_size = static_cast<int>(batch), .verbose = 0, .seed = kSeed}); };
  EngineStep bare(model, Purpose::kTraining, batch);
  const auto bare_steps = [&](std::int64_t count) {
    return cost_of([&] {
      for (std::int64_t i = 0; i < count; ++i) bare.run();
    });
  };
  const auto load = [&] {
    Batches batches(data, {.batch_size = batch, .shuffle = true, .seed = kSeed});
    while (batches.next()) {
    }
  };
  epoch();
  std::vector<double> wall, processor, loading;
  for (int round = 0; round < rounds; ++round) {
    // Half of the steps before and half after: a machine that grows slower meanwhile favours neither.
    const Cost before = bare_steps(steps / 2), fit = cost_of(epoch);
    const Cost alone = before + bare_steps(steps - steps / 2);
    wall.push_back(100 * (fit.wall / alone.wall - 1));
    processor.push_back(100 * (fit.processor / alone.processor - 1));
    loading.push_back(100 * cost_of(load).processor / alone.processor);
  }
  fmt::print("| {} | {} | {} | {} | {} |\n", batch, num_threads(), spread(wall), spread(processor), spread(loading));
  std::fflush(stdout);
}

// A number from 1 to `highest`.
std::optional<int> count_from(std::string_view text, int highest) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > highest) return {};
  return value;
}

int wrong_usage(const std::string& what) {
  fmt::print(stderr, "bench_epoch: {} Expected MODEL.yaml [ROUNDS [BATCH...]].\n", what);
  return 2;
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) try {
  constexpr int kMaxRounds = 9999;
  if (argc < 2) return tutti::wrong_usage("there is no model.");
  const std::optional<int> rounds = argc > 2 ? tutti::count_from(argv[2], kMaxRounds) : 19;
  if (!rounds) return tutti::wrong_usage(fmt::format("ROUNDS is a number from 1 to {}. Got '{}'.", kMaxRounds, argv[2]));
  std::vector<std::int64_t> batches;
  for (int i = 3; i < argc; ++i) {
    const std::optional<int> batch = tutti::count_from(argv[i], tutti::kImages);
    if (!batch) return tutti::wrong_usage(fmt::format("BATCH is a number from 1 to {}. Got '{}'.", tutti::kImages, argv[i]));
    batches.push_back(*batch);
  }
  if (batches.empty()) batches = {32, 128};
  const tutti::Dataset images = tutti::drawn_images();
  fmt::print(
      "| batch | threads | fit over bare steps: wall, % | processor, % | loading alone, processor, % "
      "|\n|---|---|---|---|---|\n");
  for (const std::int64_t batch : batches) tutti::measure(argv[1], images, batch, *rounds);
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
