#include "tutti/experiment/spec.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "tutti/base/files.h"
#include "tutti/data/datasets.h"
#include "tutti/experiment/yaml_json.h"
#include "tutti/experiment/yaml_map.h"
#include "tutti/nn/json.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

// Sets the value at a dotted path, making mappings on the way: `optimizer: adam` becomes {name: adam} when
// fit.optimizer.momentum is set.
void set_at(YAML::Node root, const std::string& path, const YAML::Node& value) {
  YAML::Node node = root;
  std::size_t begin = 0;
  while (true) {
    const std::size_t dot = path.find('.', begin);
    const std::string key = path.substr(begin, dot - begin);
    if (dot == std::string::npos) {
      node[key] = value;
      return;
    }
    YAML::Node next = node[key];
    if (next.IsDefined() && next.IsScalar()) {
      YAML::Node map(YAML::NodeType::Map);
      map["name"] = next.Scalar();
      node[key] = map;
    } else if (!next.IsDefined() || next.IsNull()) {
      node[key] = YAML::Node(YAML::NodeType::Map);
    } else if (!next.IsMap()) {
      fail("--set " + path, "{} is a list, which has no keys.", path.substr(0, dot));
    }
    node.reset(node[key]);
    begin = dot + 1;
  }
}

void check_positive(const YamlMap& map, const char* key, std::int64_t value) {
  if (value <= 0) map.refuse(key, "must be positive. Got {}.", value);
}
void check_not_negative(const YamlMap& map, const char* key, double value) {
  if (!(value >= 0)) map.refuse(key, "must not be negative. Got {}.", value);
}
void check_one_of(const YamlMap& map, const char* key, const std::string& value, std::vector<std::string> known) {
  if (std::find(known.begin(), known.end(), value) == known.end())
    map.refuse(key, "expected one of {}. Got '{}'.", fmt::join(known, ", "), value);
}

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
  check_one_of(map, "kind", schedule.kind, {"cosine", "exponential", "step"});
  if (schedule.kind == "exponential") schedule.factor = 0.9;
  map.read("alpha", schedule.alpha);
  if (map.read("factor", schedule.factor) && !(schedule.factor > 0)) map.refuse("factor", "must be positive.");
  if (map.read("every", schedule.every)) check_positive(map, "every", schedule.every);
  map.read("warmup", schedule.warmup);
  map.finish();
  return schedule;
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

std::string flow_text(const YAML::Node& node) {
  if (node.IsScalar()) return node.Scalar();
  YAML::Emitter out;
  out.SetMapFormat(YAML::Flow);
  out.SetSeqFormat(YAML::Flow);
  out << node;
  return out.c_str();
}

std::vector<Axis> read_members(const YAML::Node& node, const YamlSource& source) {
  std::vector<Axis> axes;
  const YamlMap map(node, source, "members");  // checks the form
  if (!node.IsDefined() || node.IsNull()) return axes;
  for (const auto& entry : node) {
    Axis axis{.key = entry.first.Scalar()};
    if (entry.second.IsSequence())
      for (const YAML::Node& value : entry.second) axis.values.push_back(flow_text(value));
    else
      axis.values.push_back(flow_text(entry.second));
    if (axis.values.empty()) fail(source.place(entry.first, "members"), "members.{} is an empty list.", axis.key);
    axes.push_back(std::move(axis));
  }
  return axes;
}

EnsembleOptions read_ensemble(const YAML::Node& node, const YamlSource& source) {
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
  map.finish();
  return ensemble;
}

// Experiments and members become folder names, and later the names of Kubernetes objects.
void check_name(const std::string& name, const std::string& place) {
  const bool valid = !name.empty() && name.size() <= 63 && name.front() != '-' && name.front() != '.' &&
                     std::all_of(name.begin(), name.end(),
                                 [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; });
  if (!valid) fail(place, "name must be made of letters, digits, '-', '_' and '.', at most 63. Got '{}'.", name);
}

bool is_known_set(const std::string& name) {
  const auto& known = datasets::names();
  return std::any_of(known.begin(), known.end(), [&](const auto& set) { return set.name == name; });
}

// `is_data`: the value may be a data set's name, which is no path even if a file has that name.
void make_absolute(YAML::Node parent, const char* key, const fs::path& folder, bool is_data) {
  YAML::Node node = parent[key];
  if (!node.IsDefined() || !node.IsScalar() || node.Scalar().empty()) return;
  const fs::path path = fs::absolute(folder / node.Scalar()).lexically_normal();
  std::error_code code;
  if (!is_data || (!is_known_set(node.Scalar()) && fs::exists(path, code))) parent[key] = path.string();
}

}  // namespace

std::pair<std::string, std::string> parse_override(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || text.front() == '.')
    fail("--set", "expected KEY=VALUE, for example fit.epochs=2. Got '{}'.", text);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Spec parse_spec(const std::string& text, const fs::path& file, const Overrides& overrides, const std::string& origin) {
  YamlSource source{.file = file.string(), .overridden = {}, .origin = origin};
  const YAML::Node root = parse_yaml(text, source.file);
  if (!root.IsMap()) fail(source.file, "not an experiment: expected a mapping with the keys model, data, fit, members.");
  for (const auto& [path, value] : overrides) {
    set_at(root, path, parse_yaml(value, origin + path));
    source.overridden.insert(path);
  }

  Spec spec{.file = file};
  YamlMap map(root, source, "");
  if (map.read("name", spec.name))
    check_name(spec.name, map.place("name"));
  else
    spec.name = file.stem().string();
  std::string model;
  map.read("model", model);
  const YAML::Node data = map.child("data");
  if (data.IsDefined()) spec.data = read_data(data, source);
  spec.fit = read_fit(map.child("fit"), source);
  spec.members = read_members(map.child("members"), source);
  spec.ensemble = read_ensemble(map.child("ensemble"), source);
  YamlMap run(map.child("run"), source, "run");
  if (run.read("parallel", spec.run.parallel)) check_positive(run, "parallel", spec.run.parallel);
  if (run.read("threads", spec.run.threads)) check_positive(run, "threads", spec.run.threads);
  run.finish();
  map.finish();  // before what is missing: a mistyped key is the likelier mistake
  if (model.empty()) fail(source.file, "model is missing. Expected a model file (.yaml, .json or .h5).");
  if (spec.data.name.empty()) fail(source.file, "data is missing. Expected data: {{name: cifar10}}.");

  const fs::path folder = fs::absolute(file).parent_path();
  YAML::Node absolute = YAML::Clone(root);
  absolute["name"] = spec.name;
  make_absolute(absolute, "model", folder, false);
  if (absolute["data"].IsScalar()) {
    make_absolute(absolute, "data", folder, true);
    spec.data.name = absolute["data"].Scalar();
  } else {
    make_absolute(absolute["data"], "name", folder, true);
    make_absolute(absolute["data"], "dir", folder, false);
    spec.data.name = absolute["data"]["name"].Scalar();
    if (!spec.data.dir.empty()) spec.data.dir = absolute["data"]["dir"].Scalar();
  }
  spec.model = absolute["model"].Scalar();
  spec.document = YAML::Dump(absolute) + "\n";
  return spec;
}

Spec load_spec(const fs::path& file, const Overrides& overrides) {
  std::error_code code;
  if (!fs::exists(file, code)) fail("spec", "there is no file {}. Expected an experiment's YAML file.", file.string());
  return parse_spec(read_file(file, std::size_t{1} << 20), file, overrides);
}

}  // namespace tutti
