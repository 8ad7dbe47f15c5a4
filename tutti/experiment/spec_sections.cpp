#include "tutti/experiment/spec_sections.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "tutti/experiment/yaml_json.h"
#include "tutti/nn/json.h"

namespace tutti {
namespace {

// [random_flip, {random_crop: {padding: 4}}]
Augmentations read_augmentation(YamlMap& map) {
  Augmentations result;
  const YAML::Node list = map.child("augmentation");
  if (!list.IsDefined() || list.IsNull()) return result;
  if (!list.IsSequence()) map.refuse("augmentation", "must be a list: [random_flip, {{random_crop: {{padding: 4}}}}].");
  for (const YAML::Node& item : list) {
    std::string name;
    AugmentationParameters parameters;
    const std::string place = map.source().place(item, map.path_of("augmentation"));
    try {
      if (item.IsMap() && item.size() == 1) {
        name = item.begin()->first.Scalar();
        if (!item.begin()->second.IsNull()) parameters = item.begin()->second.as<AugmentationParameters>();
      } else {
        name = item.as<std::string>();
      }
    } catch (const YAML::Exception&) {
      fail(place, "expected a name or {{name: {{parameter: number}}}} in augmentation.");
    }
    try {
      result.push_back(make_augmentation(name, parameters));
    } catch (const Error& error) {
      throw Error(place, error.what());
    }
  }
  return result;
}

OptimizerSpec read_optimizer(YamlMap& fit) {
  OptimizerSpec optimizer;
  const YAML::Node node = fit.child("optimizer");
  if (!node.IsDefined() || node.IsNull()) return optimizer;
  if (node.IsScalar()) {
    optimizer.name = node.Scalar();
    return optimizer;
  }
  if (!node.IsMap()) fit.refuse("optimizer", "must be a name or {{name: adam, learning_rate: 0.001}}.");
  Json config = json_of_yaml(node);
  if (!config.contains("name") || !config["name"].is_string())
    fit.refuse("optimizer", "has no name. Expected {{name: adam, learning_rate: 0.001}}.");
  optimizer.name = config["name"];
  config.erase("name");
  optimizer.config = config.dump();
  return optimizer;
}

// `early_stopping: true` takes the defaults, `false` or nothing switches it off.
bool is_switched_on(YamlMap& fit, const char* key, const YAML::Node& node) {
  if (!node.IsDefined() || node.IsNull()) return false;
  if (node.IsMap()) return true;
  bool on = false;
  fit.read(key, on);
  return on;
}

YAML::Node map_or_nothing(const YAML::Node& node) { return node.IsMap() ? node : YAML::Node(YAML::NodeType::Undefined); }

std::optional<EarlyStoppingOptions> read_early_stopping(YamlMap& fit) {
  const YAML::Node node = fit.child("early_stopping");
  if (!is_switched_on(fit, "early_stopping", node)) return {};
  EarlyStoppingOptions options{.restore_best_weights = true};
  YamlMap map(map_or_nothing(node), fit.source(), "fit.early_stopping");
  double baseline = 0;
  map.read("monitor", options.monitor);
  map.read("min_delta", options.min_delta);
  if (map.read("patience", options.patience)) check_not_negative(map, "patience", options.patience);
  if (map.read("mode", options.mode)) check_one_of(map, "mode", options.mode, {"auto", "min", "max"});
  if (map.read("baseline", baseline)) options.baseline = baseline;
  map.read("restore_best_weights", options.restore_best_weights);
  map.read("start_from_epoch", options.start_from_epoch);
  map.finish();
  return options;
}

std::optional<ReduceLROnPlateauOptions> read_reduce_lr(YamlMap& fit) {
  const YAML::Node node = fit.child("reduce_lr");
  if (!is_switched_on(fit, "reduce_lr", node)) return {};
  ReduceLROnPlateauOptions options;
  YamlMap map(map_or_nothing(node), fit.source(), "fit.reduce_lr");
  map.read("monitor", options.monitor);
  if (map.read("factor", options.factor) && !(options.factor > 0 && options.factor < 1))
    map.refuse("factor", "must be between 0 and 1. Got {}.", options.factor);
  if (map.read("patience", options.patience)) check_not_negative(map, "patience", options.patience);
  if (map.read("mode", options.mode)) check_one_of(map, "mode", options.mode, {"auto", "min", "max"});
  map.read("min_delta", options.min_delta);
  map.read("cooldown", options.cooldown);
  map.read("min_lr", options.min_lr);
  map.finish();
  return options;
}

CheckpointSpec read_checkpoint(YamlMap& fit) {
  CheckpointSpec checkpoint;
  const YAML::Node node = fit.child("checkpoint");
  if (!node.IsDefined() || node.IsNull()) return checkpoint;
  checkpoint.enabled = is_switched_on(fit, "checkpoint", node);
  YamlMap map(map_or_nothing(node), fit.source(), "fit.checkpoint");
  if (map.read("every", checkpoint.every)) check_positive(map, "every", checkpoint.every);
  if (map.read("keep", checkpoint.keep)) check_positive(map, "keep", checkpoint.keep);
  map.finish();
  return checkpoint;
}

// schedule: cosine, or {kind: step, factor: 0.5, every: 10}
LearningRateSpec read_schedule(YamlMap& fit) {
  LearningRateSpec schedule;
  const YAML::Node node = fit.child("schedule");
  if (!node.IsDefined() || node.IsNull()) return schedule;
  if (node.IsScalar()) {
    schedule.kind = node.Scalar();
    check_one_of(fit, "schedule", schedule.kind, {"cosine", "exponential", "step"});
    if (schedule.kind == "exponential") schedule.factor = 0.9;
    return schedule;
  }
  YamlMap map(node, fit.source(), "fit.schedule");
  map.read("kind", schedule.kind);
  if (schedule.kind == "exponential") schedule.factor = 0.9;
  map.read("alpha", schedule.alpha);
  if (map.read("factor", schedule.factor) && !(schedule.factor > 0)) map.refuse("factor", "must be positive.");
  if (map.read("every", schedule.every)) check_positive(map, "every", schedule.every);
  map.read("warmup", schedule.warmup);
  map.finish();
  check_one_of(map, "kind", schedule.kind, {"cosine", "exponential", "step"});
  return schedule;
}

// The text of a value, to be parsed again. A word that would then be something else is quoted.
std::string flow_text(const YAML::Node& node) {
  YAML::Emitter out;
  if (node.IsScalar()) {
    const std::string& text = node.Scalar();
    try {
      if (const YAML::Node again = YAML::Load(text); again.IsScalar() && again.Scalar() == text) return text;
    } catch (const YAML::Exception&) {
      // "*_best.h5" is an alias, to YAML
    }
    out << YAML::DoubleQuoted << text;
    return out.c_str();
  }
  out.SetMapFormat(YAML::Flow);
  out.SetSeqFormat(YAML::Flow);
  out << node;
  return out.c_str();
}

MemberRow read_row(const YAML::Node& node, const YamlSource& source, const std::string& path) {
  const YamlMap map(node, source, path);  // checks the form
  if (!node.IsMap() || node.size() == 0)
    fail(source.place(node, path), "{}: expected a mapping such as {{engine: torch, seed: 2}}.", path);
  MemberRow row;
  for (const auto& entry : node) row.emplace_back(entry.first.Scalar(), flow_text(entry.second));
  return row;
}

std::vector<MemberRow> read_rows(const YAML::Node& node, const YamlSource& source, const std::string& path) {
  if (!node.IsSequence()) fail(source.place(node, path), "{} must be a list of mappings: [{{engine: torch, seed: 2}}].", path);
  std::vector<MemberRow> rows;
  for (const YAML::Node& row : node) rows.push_back(read_row(row, source, path));
  return rows;
}

// 90, 90s, 30m, 2h or 1d.
double read_duration(YamlMap& map, const char* key) {
  std::string text;
  if (!map.read(key, text)) return 0;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, text.data() + text.size());
  double seconds = unit.empty() || unit == "s" ? 1 : 0;
  if (unit == "m") seconds = 60;
  if (unit == "h") seconds = 3600;
  if (unit == "d") seconds = 86400;
  if (error != std::errc() || seconds == 0 || !(value > 0))
    map.refuse(key, "must be a duration: 90, 90s, 30m, 2h or 1d. Got '{}'.", text);
  return value * seconds;
}

}  // namespace

DataSpec read_data(const YAML::Node& node, const YamlSource& source) {
  DataSpec data;
  if (node.IsDefined() && node.IsScalar()) {
    data.name = node.Scalar();
    return data;
  }
  YamlMap map(node, source, "data");
  std::string dir;
  map.read("name", data.name);
  if (map.read("dir", dir)) data.dir = dir;
  map.read("fallback", data.fallback);
  if (map.read("validation", data.validation)) check_not_negative(map, "validation", data.validation);
  if (map.read("test", data.test)) check_not_negative(map, "test", data.test);
  for (auto [key, value] : {std::pair{"holdout", &data.holdout},
                            {"limit", &data.limit},
                            {"test_limit", &data.test_limit},
                            {"samples", &data.samples},
                            {"height", &data.height},
                            {"width", &data.width}})
    if (map.read(key, *value)) check_not_negative(map, key, static_cast<double>(*value));
  if (const YAML::Node scale = map.child("scale"); scale.IsDefined()) {
    const Json number = json_of_yaml(scale);
    if (!number.is_number() || number.get<double>() == 0) map.refuse("scale", "must be a number, for example 1/255.");
    data.scale = number;
  }
  map.read("seed", data.seed);
  data.augmentation = read_augmentation(map);
  map.finish();
  if (data.name.empty())
    fail(source.place(node, "data"), "data.name is missing. Expected a data set: cifar10, mnist, shapes, a folder of images.");
  return data;
}

FitSpec read_fit(const YAML::Node& node, const YamlSource& source) {
  FitSpec fit;
  YamlMap map(node, source, "fit");
  map.read("engine", fit.engine);
  map.read("device", fit.device);
  std::uint64_t seed = 0;
  if (map.read("seed", seed)) fit.seed = seed;
  if (map.read("batch_size", fit.batch_size)) check_positive(map, "batch_size", fit.batch_size);
  if (map.read("validation_batch_size", fit.validation_batch_size))
    check_positive(map, "validation_batch_size", fit.validation_batch_size);
  if (map.read("epochs", fit.epochs)) check_positive(map, "epochs", fit.epochs);
  map.read("shuffle", fit.shuffle);
  fit.optimizer = read_optimizer(map);
  double rate = 0;
  if (map.read("learning_rate", rate)) {
    if (!(rate > 0)) map.refuse("learning_rate", "must be positive. Got {}.", rate);
    fit.learning_rate = rate;
  }
  fit.schedule = read_schedule(map);
  map.read("loss", fit.loss);
  map.read("metrics", fit.metrics);
  fit.early_stopping = read_early_stopping(map);
  fit.reduce_lr = read_reduce_lr(map);
  fit.checkpoint = read_checkpoint(map);
  map.read("tensorboard", fit.tensorboard);
  map.finish();
  return fit;
}

ProgramSpec read_program(YamlMap& map) {
  ProgramSpec program;
  if (const YAML::Node command = map.child("command"); command.IsDefined() && !command.IsNull()) {
    map.read("command", program.command);
    if (program.command.empty() || program.command[0].empty() ||
        (command.IsScalar() && program.command[0].find(' ') != std::string::npos))
      map.refuse("command", "must be a list of words: [python3, train.py].");
  }
  if (const YAML::Node environment = map.child("env"); environment.IsDefined() && !environment.IsNull()) {
    const YamlMap form(environment, map.source(), "env");
    for (const auto& entry : environment) {
      if (!entry.second.IsScalar()) map.refuse("env", "{} must be a text or a number.", entry.first.Scalar());
      program.environment.emplace_back(entry.first.Scalar(), entry.second.Scalar());
    }
  }
  map.read("output", program.output);
  if (program.output.find('/') != std::string::npos)
    map.refuse("output", "must be the name of a file in the member's folder. Got '{}'.", program.output);
  return program;
}

MembersSection read_members(const YAML::Node& node, const YamlSource& source) {
  MembersSection members;
  const YamlMap map(node, source, "members");  // checks the form
  if (!node.IsDefined() || node.IsNull()) return members;
  for (const auto& entry : node) {
    const std::string key = entry.first.Scalar();
    if (key == "include" || key == "exclude") {
      (key == "include" ? members.include : members.exclude) = read_rows(entry.second, source, "members." + key);
      continue;
    }
    Axis axis{.key = key};
    if (entry.second.IsSequence())
      for (const YAML::Node& value : entry.second) axis.values.push_back(flow_text(value));
    else
      axis.values.push_back(flow_text(entry.second));
    if (axis.values.empty()) fail(source.place(entry.first, "members"), "members.{} is an empty list.", axis.key);
    members.lists.push_back(std::move(axis));
  }
  return members;
}

EnsembleOptions read_ensemble(const YAML::Node& node, const YamlSource& source, bool& grow) {
  EnsembleOptions ensemble;
  YamlMap map(node, source, "ensemble");
  std::string weights, temperature;
  if (map.read("weights", weights)) {
    check_one_of(map, "weights", weights, {"uniform", "accuracy", "likelihood", "greedy"});
    ensemble.weights = weight_rule_of_name(weights);
  }
  if (map.read("temperature", temperature)) {
    check_one_of(map, "temperature", temperature, {"none", "members", "ensemble", "both"});
    ensemble.calibrate_members = temperature == "members" || temperature == "both";
    ensemble.calibrate_ensemble = temperature == "ensemble" || temperature == "both";
  }
  map.read("grow", grow);
  map.finish();
  return ensemble;
}

RunSpec read_run(const YAML::Node& node, const YamlSource& source) {
  RunSpec run;
  YamlMap map(node, source, "run");
  if (map.read("parallel", run.parallel)) check_positive(map, "parallel", run.parallel);
  if (map.read("threads", run.threads)) check_positive(map, "threads", run.threads);
  if (map.read("retries", run.retries)) check_not_negative(map, "retries", run.retries);
  run.deadline = read_duration(map, "deadline");
  map.finish();
  return run;
}

}  // namespace tutti
