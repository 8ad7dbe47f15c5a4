// Results as JSON, and two of them compared.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/bench/bench.h"

namespace tutti {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "tutti bench";
constexpr int kVersion = 1;

Json json_of(const LayerTime& layer) {
  return {{"layer", layer.layer},     {"phase", layer.phase}, {"algorithm", layer.algorithm},
          {"seconds", layer.seconds}, {"flops", layer.flops}, {"bytes", layer.bytes}};
}

LayerTime layer_of(const Json& json) {
  return {.layer = json.at("layer"),
          .phase = json.at("phase"),
          .algorithm = json.at("algorithm"),
          .seconds = json.at("seconds"),
          .flops = json.at("flops"),
          .bytes = json.at("bytes")};
}

Json json_of(const EngineTimes& times) {
  Json layers = Json::array();
  for (const LayerTime& layer : times.layers) layers.push_back(json_of(layer));
  return {{"engine", times.engine.name},
          {"device", times.engine.device},
          {"median_seconds", median(times.step_seconds)},
          {"step_seconds", times.step_seconds},
          {"workspace_bytes", times.workspace_bytes},
          {"fallbacks", times.fallbacks},
          {"layers", std::move(layers)}};
}

EngineTimes engine_of(const Json& json) {
  EngineTimes times{.engine = {json.at("engine"), json.at("device")},
                    .step_seconds = json.at("step_seconds"),
                    .fallbacks = json.at("fallbacks"),
                    .workspace_bytes = json.at("workspace_bytes")};
  for (const Json& layer : json.at("layers")) times.layers.push_back(layer_of(layer));
  return times;
}

double peak_of(const BenchResults& results) { return median(results.peak_flops); }

// What both must agree in.
template <class Value>
void expect_same(const char* what, const Value& before, const Value& now) {
  if (before != now) fail("bench", "the results to compare with have another {}: {}. Now it is {}.", what, before, now);
}

const EngineTimes* find_engine(const std::vector<EngineTimes>& engines, const BenchEngine& engine) {
  const auto found = std::ranges::find_if(
      engines, [&](const EngineTimes& each) { return each.engine.name == engine.name && each.engine.device == engine.device; });
  return found == engines.end() ? nullptr : &*found;
}

const LayerTime* find_layer(const std::vector<LayerTime>& layers, const LayerTime& layer) {
  const auto found = std::ranges::find_if(
      layers, [&](const LayerTime& each) { return each.layer == layer.layer && each.phase == layer.phase; });
  return found == layers.end() ? nullptr : &*found;
}

std::string label(const BenchEngine& engine) {
  return engine.device == "cpu" ? engine.name : engine.name + ":" + engine.device;
}

std::string label(const LayerTime& layer) { return layer.phase.empty() ? layer.layer : layer.layer + " " + layer.phase; }

// Engines and layers that `some` has and `others` has not.
std::vector<std::string> only_in(const BenchResults& some, const BenchResults& others) {
  std::vector<std::string> names;
  for (const EngineTimes& times : some.engines) {
    const EngineTimes* other = find_engine(others.engines, times.engine);
    if (!other) {
      names.push_back(label(times.engine));
      continue;
    }
    for (const LayerTime& layer : times.layers)
      if (!find_layer(other->layers, layer)) names.push_back(label(times.engine) + ": " + label(layer));
  }
  return names;
}

bool slower(double before, double now, double peak_ratio, double tolerance) {
  return now > before * (1 + tolerance) && now * peak_ratio > before * (1 + tolerance);
}

}  // namespace

std::string to_json(const BenchResults& results) {
  Json environment = Json::object(), engines = Json::array();
  for (const auto& [what, value] : results.environment) environment[what] = value;
  for (const EngineTimes& engine : results.engines) engines.push_back(json_of(engine));
  const Json json = {{"format", kFormat},
                     {"version", kVersion},
                     {"model", results.model},
                     {"parameters", results.parameters},
                     {"purpose", results.purpose},
                     {"optimizer", results.optimizer},
                     {"loss", results.loss},
                     {"batch_size", results.batch_size},
                     {"threads", results.threads},
                     {"flops", results.flops},
                     {"peak_flops", results.peak_flops},
                     {"environment", std::move(environment)},
                     {"engines", std::move(engines)}};
  return json.dump(2) + "\n";
}

BenchResults bench_results_from_json(const std::string& text, const std::string& file) {
  try {
    const Json json = Json::parse(text);
    if (json.value("format", "") != kFormat || json.value("version", 0) != kVersion)
      fail("bench", "{} is not what `tutti bench --json` of this version prints.", file);
    BenchResults results{.model = json.at("model"),
                         .purpose = json.at("purpose"),
                         .optimizer = json.at("optimizer"),
                         .loss = json.at("loss"),
                         .batch_size = json.at("batch_size"),
                         .parameters = json.at("parameters"),
                         .threads = json.at("threads"),
                         .flops = json.at("flops"),
                         .peak_flops = json.at("peak_flops")};
    for (const Json& engine : json.at("engines")) results.engines.push_back(engine_of(engine));
    for (const auto& [what, value] : json.at("environment").items()) results.environment.emplace_back(what, value);
    return results;
  } catch (const nlohmann::json::exception& error) {
    fail("bench", "{} is not what `tutti bench --json` prints: {}", file, error.what());
  }
}

void expect_comparable(const BenchResults& before, const BenchResults& now) {
  expect_same("model", before.model, now.model);
  expect_same("number of parameters", before.parameters, now.parameters);
  expect_same("purpose", before.purpose, now.purpose);
  expect_same("batch size", before.batch_size, now.batch_size);
  expect_same("number of threads", before.threads, now.threads);
  expect_same("optimizer", before.optimizer, now.optimizer);
  expect_same("loss", before.loss, now.loss);
  if (std::ranges::none_of(now.engines, [&](const EngineTimes& each) { return find_engine(before.engines, each.engine); }))
    fail("bench", "the results to compare with are of other engines.");
}

std::vector<BenchChange> compare_bench(const BenchResults& before, const BenchResults& now, double tolerance) {
  expect_comparable(before, now);
  const double peak_ratio = peak_of(before) > 0 ? peak_of(now) / peak_of(before) : 1;
  std::vector<BenchChange> changes;
  for (const EngineTimes& times : now.engines) {
    const EngineTimes* old = find_engine(before.engines, times.engine);
    if (!old) continue;
    BenchChange change{.engine = times.engine.name,
                       .device = times.engine.device,
                       .before = median(old->step_seconds),
                       .now = median(times.step_seconds)};
    if (!(change.before > 0)) fail("bench", "the results to compare with have no time of {}.", change.engine);
    change.ratio = change.now / change.before;
    change.ratio_to_peak = change.ratio * peak_ratio;
    change.is_regression = slower(change.before, change.now, peak_ratio, tolerance);
    for (const LayerTime& layer : times.layers) {
      const LayerTime* other = find_layer(old->layers, layer);
      // One too short for the clock has no ratio.
      if (other && other->seconds > 0 && slower(other->seconds, layer.seconds, peak_ratio, tolerance))
        change.slower.push_back(fmt::format("{}: {:.2f} times", label(layer), layer.seconds / other->seconds));
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

BenchUnmatched unmatched(const BenchResults& before, const BenchResults& now) {
  return {.added = only_in(now, before), .gone = only_in(before, now)};
}

}  // namespace tutti
