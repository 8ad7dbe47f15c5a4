// training_config: optimizer, loss and metrics.
#include <algorithm>
#include <map>
#include <set>

#include "tutti/base/error.h"
#include "tutti/base/log.h"
#include "tutti/formats/keras/keras_files.h"

namespace tutti::keras {
namespace {

// The loss of the single output: a value, or a list or dictionary with one.
const Json& single_loss(const Json& loss) {
  const bool is_object = loss.is_object() && loss.contains("class_name");
  if (loss.is_string() || is_object) return loss;
  if ((loss.is_array() || loss.is_object()) && loss.size() == 1) return loss.is_array() ? loss[0] : loss.begin().value();
  fail("training_config", "expected one loss. Got {}.", loss.dump());
}

bool is_metric(const std::string& name, const LossFunction& loss) {
  try {
    return make_metric(name, loss) != nullptr;
  } catch (const Error&) {
    return false;
  }
}

// What a serialized metric may be called, the likeliest first.
std::vector<std::string> metric_candidates(const Json& metric) {
  if (metric.is_string()) return {metric.get<std::string>()};
  const Json config = metric.value("config", Json::object());
  const auto text = [](const Json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const std::string name = text(config, "name");
  // TensorFlow's MeanMetricWrapper names the function that it wraps.
  std::vector<std::string> candidates{text(config, "fn"), text(metric, "class_name"), name};
  if (text(metric, "class_name").ends_with("TopKCategoricalAccuracy") && config.is_object() && config.contains("k")) {
    const std::string top = fmt::format("top_{}_accuracy", config["k"].dump());
    if (config["k"] != 5 || name == top) candidates.insert(candidates.begin(), top);
  }
  if (config.is_string()) candidates.push_back(config.get<std::string>());
  if (name == "accuracy" || name == "acc") candidates.insert(candidates.begin(), name);
  return candidates;
}

// Flattens lists and dictionaries of metrics; leaves out, with a warning, those that tutti does not have.
void collect_metrics(const Json& metrics, const LossFunction& loss, std::vector<std::string>& names) {
  const bool is_one = metrics.is_string() || (metrics.is_object() && metrics.contains("class_name"));
  if (!is_one) {
    if (metrics.is_array() || metrics.is_object()) {
      for (const Json& item : metrics) collect_metrics(item, loss, names);
    }
    return;
  }
  for (const std::string& candidate : metric_candidates(metrics)) {
    if (candidate.empty() || !is_metric(candidate, loss)) continue;
    if (std::ranges::find(names, candidate) == names.end()) names.push_back(candidate);
    return;
  }
  log_warning("the file's metric {} is left out: tutti does not have it", metrics.dump());
}

Optimizer read_optimizer_config(const Json& config, const Origin& origin) {
  const Json& entry = config.at("optimizer_config");
  Json options = entry.at("config");
  if (config.contains(kTuttiKey) && config[kTuttiKey].contains("optimizer")) options.update(config[kTuttiKey]["optimizer"]);
  // Keras before TensorFlow's clipped by the norm of all gradients together (keras 2.3.1 optimizers.py get_gradients).
  const bool global = !origin.tutti && !origin.tensorflow && origin.up_to(2, 3, 99);
  if (global && options.contains("clipnorm")) {
    options["global_clipnorm"] = options["clipnorm"];
    options.erase("clipnorm");
  }
  if (options.value("decay", 0.0) != 0.0) {
    log_warning("the optimizer's decay {} of Keras 2 is left out: let LearningRateScheduler lower the rate",
                options["decay"].dump());
    options.erase("decay");
  }
  std::string class_name = entry.at("class_name");
  // Registered names of Keras 3: "Custom>Adam".
  class_name.erase(0, class_name.find('>') == std::string::npos ? 0 : class_name.find('>') + 1);
  return Optimizer::from_config(class_name, options);
}

// {"class_name", "config"} without Keras 3's module, and without what Keras 2 does not know.
Json loss_json(const LossFunction& loss, bool version_3) {
  Json config = loss.config();
  // Keras 2.3 knows the class, not the function; older ones neither.
  if (config == "huber" && !version_3) {
    return {{"class_name", "Huber"},
            {"config", {{"name", "huber_loss"}, {"reduction", "sum_over_batch_size"}, {"delta", 1.0}}}};
  }
  if (!config.is_object()) return config;
  config.erase("module");
  config.erase("registered_name");
  if (!version_3) config["config"].erase("axis");
  return config;
}

constexpr const char* kInitialAccumulator = "initial_accumulator_value";

// True if leaving the rate out gives the same one in Keras 2.0 to 3, whose argument is called lr or learning_rate.
bool is_common_default(const std::string& class_name, const Json& rate) {
  static const std::map<std::string, double> kRates = {{"Adam", 0.001}, {"RMSprop", 0.001}, {"SGD", 0.01}};
  const auto found = kRates.find(class_name);
  return found != kRates.end() && static_cast<float>(found->second) == rate.get<float>();
}

// Without the name, which Keras 2 refuses, and without what means the same as its absence.
Json portable_optimizer_config(const std::string& class_name, const Json& config, KerasDialect dialect) {
  static const std::map<std::string, Json> kNewDefaults = {
      {"use_ema", false}, {"ema_momentum", 0.99}, {"amsgrad", false}, {"centered", false}};
  Json portable = Json::object();
  for (const auto& [key, value] : config.items()) {
    const auto found = kNewDefaults.find(key);
    const bool is_default = found != kNewDefaults.end() && found->second == value;
    const bool no_momentum = class_name == "RMSprop" && key == "momentum" && value == 0.0;
    if (key == "name" || key == "learning_rate" || value.is_null() || is_default || no_momentum) continue;
    if (key == kInitialAccumulator) continue;  // unknown to Keras 2, and contained in the stored accumulators
    portable[key] = value;
  }
  const Json& rate = config["learning_rate"];
  if (dialect == KerasDialect::kKeras20) {
    portable["lr"] = rate;
    if (class_name != "Nadam") portable["decay"] = 0.0;  // Nadam has no such argument
  } else if (!is_common_default(class_name, rate)) {
    portable["learning_rate"] = rate;
  }
  return portable;
}

// Metrics as the dialect's Keras reads them.
Json metrics_json(const CompileOptions& compiled, KerasDialect dialect) {
  const std::vector<std::string>& names = compiled.metrics;
  if (dialect != KerasDialect::kKeras3) {
    Json known = Json::array();
    for (const std::string& name : names) {
      if (const std::string old = metric_of_keras2(name, compiled); !old.empty()) known.push_back(old);
    }
    return known;
  }
  if (names.empty()) return nullptr;
  Json metrics = Json::array();
  for (const std::string& name : names) {
    // "top_3_accuracy" is our name: Keras has a class with k.
    const Json config = compiled.loss ? make_metric(name, *compiled.loss)->config() : Json(name);
    metrics.push_back(config.is_object() && config["config"].contains("k") ? config : Json(name));
  }
  return metrics;
}

// What the dialect's words leave out; null if nothing.
Json left_out(const Model& model, const Json& metrics, KerasDialect dialect) {
  if (dialect == KerasDialect::kKeras3) return nullptr;
  Json ours;
  if (metrics != Json(model.compiled().metrics)) ours["metrics"] = model.compiled().metrics;
  const Json accumulator = model.compiled().optimizer.config().value(kInitialAccumulator, Json(0.1));
  if (accumulator != 0.1) ours["optimizer"] = {{kInitialAccumulator, accumulator}};
  return ours;
}

}  // namespace

std::string metric_of_keras2(const std::string& name, const CompileOptions& compiled) {
  static const std::set<std::string> kNames = {"accuracy",
                                               "acc",
                                               "binary_accuracy",
                                               "categorical_accuracy",
                                               "sparse_categorical_accuracy",
                                               "top_k_categorical_accuracy",
                                               "sparse_top_k_categorical_accuracy",
                                               "mean_squared_error",
                                               "mse",
                                               "MSE",
                                               "mean_absolute_error",
                                               "mae",
                                               "MAE"};
  if (kNames.contains(name) || !compiled.loss) return name;
  const std::string function = make_metric(name, *compiled.loss)->name();  // "CategoricalAccuracy" has a function too
  return kNames.contains(function) ? function : "";
}

void compile_from_config(Model& model, const Json& config, const Origin& origin, std::string_view where) {
  try {
    const Json loss_config = config.value("loss", Json());
    if (loss_config.is_null()) return;
    const LossFunction loss = LossFunction::from_config(single_loss(loss_config));
    CompileOptions options{.optimizer = read_optimizer_config(config, origin), .loss = loss};
    const Json ours = config.value(kTuttiKey, Json::object());
    collect_metrics(ours.contains("metrics") ? ours["metrics"] : config.value("metrics", Json()), loss, options.metrics);
    model.compile(std::move(options));
  } catch (const Error& error) {
    log_warning("{}: the model is not compiled: {}", where, error.what());
  } catch (const Json::exception& error) {
    log_warning("{}: the model is not compiled: its training_config is damaged: {}", where, error.what());
  }
}

Json optimizer_config(const Model& model, KerasDialect dialect) {
  const Optimizer& optimizer = model.compiled().optimizer;
  Json config = optimizer.config();
  // Keras stores the rate as float32.
  config["learning_rate"] = static_cast<double>(static_cast<float>(model.learning_rate()));
  const std::string class_name = optimizer.rule().class_name();
  if (dialect != KerasDialect::kKeras3) config = portable_optimizer_config(class_name, config, dialect);
  return {{"class_name", class_name}, {"config", config}};
}

Json training_config(const Model& model, KerasDialect dialect) {
  const CompileOptions& compiled = model.compiled();
  const bool version_3 = dialect == KerasDialect::kKeras3;
  const Json loss = compiled.loss ? loss_json(*compiled.loss, version_3) : Json(nullptr);
  const Json metrics = metrics_json(compiled, dialect);
  if (version_3) {
    return {{"loss", loss},         {"loss_weights", nullptr},
            {"metrics", metrics},   {"weighted_metrics", nullptr},
            {"run_eagerly", false}, {"steps_per_execution", 1},
            {"jit_compile", true},  {"optimizer_config", optimizer_config(model, dialect)}};
  }
  Json config = {{"optimizer_config", optimizer_config(model, dialect)},
                 {"loss", loss},
                 {"metrics", metrics},
                 {"weighted_metrics", nullptr},
                 {"sample_weight_mode", nullptr},
                 {"loss_weights", nullptr}};
  if (Json ours = left_out(model, metrics, dialect); !ours.is_null()) config[kTuttiKey] = std::move(ours);
  return config;
}

}  // namespace tutti::keras
