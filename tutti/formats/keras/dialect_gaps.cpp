// What the Keras that a dialect is for does not know, said when a file is written.
#include <fmt/ranges.h>

#include <map>
#include <mutex>
#include <set>

#include "tutti/base/error.h"
#include "tutti/base/log.h"
#include "tutti/formats/keras/keras_files.h"

namespace tutti::keras {
namespace {

// Checkpoints save at every epoch, and an ensemble saves many models.
void warn_once(const std::string& text) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::lock_guard lock(mutex);
  if (said.insert(text).second) log_warning("{}", text);
}

bool is_old(KerasDialect dialect) { return dialect != KerasDialect::kKeras3; }

std::string activation_of(const Json& config) { return config.value("activation", std::string()); }

// What of this layer Keras 2.0.5 does not have; "" if it has everything.
std::string lacking_in_keras20(const Layer& layer, const Json& config) {
  static const std::set<std::string> kNewLayers = {"ReLU",      "Softmax",  "DepthwiseConv2D", "LayerNormalization",
                                                   "Rescaling", "Subtract", "Minimum"};
  static const std::set<std::string> kActivations = {"",        "linear", "softmax", "elu",          "softplus",   "softsign",
                                                     "sigmoid", "relu",   "tanh",    "hard_sigmoid", kHardSigmoid2};
  static const std::map<std::string, Json> kNewOptions = {{"groups", 1}, {"keepdims", false}};
  if (kNewLayers.contains(layer.class_name())) return layer.class_name();
  std::string lacks;
  const auto add = [&](const std::string& what) { lacks += (lacks.empty() ? "" : ", ") + what; };
  for (const auto& [key, value] : kNewOptions) {
    if (config.contains(key) && config[key] != value) add(fmt::format("{} = {}", key, config[key].dump()));
  }
  const bool dilated = config.contains("dilation_rate") && config["dilation_rate"] != Json({1, 1});
  if (layer.class_name() == "SeparableConv2D" && dilated) add("dilation_rate");
  if (!kActivations.contains(activation_of(config))) add(activation_of(config));
  return lacks;
}

void warn_of_layers(const Model& model, KerasDialect dialect) {
  std::vector<std::string> lacking, other_slope;
  for (const LayerPtr& layer : model.layers()) {
    const Json config = layer->config();
    if (dialect == KerasDialect::kKeras20) {
      if (const std::string lacks = lacking_in_keras20(*layer, config); !lacks.empty()) {
        lacking.push_back(fmt::format("{} ({})", layer->name, lacks));
      }
    }
    // In kPortable each of the two is wrong in one Keras.
    const bool keras2 = activation_of(config) == kHardSigmoid2, keras3 = activation_of(config) == "hard_sigmoid";
    if ((keras3 && is_old(dialect)) || (keras2 && dialect != KerasDialect::kKeras20)) {
      other_slope.push_back(fmt::format("{} (as Keras {})", layer->name, keras2 ? 2 : 3));
    }
  }
  if (!lacking.empty()) warn_once(fmt::format("Keras 2.0 cannot load this file, for it lacks: {}", fmt::join(lacking, "; ")));
  if (!other_slope.empty()) {
    warn_once(
        fmt::format("hard_sigmoid is 0.2 x + 0.5 in Keras 2 and x / 6 + 0.5 in Keras 3, so one of them predicts otherwise from "
                    "this file: {}",
                    fmt::join(other_slope, "; ")));
  }
}

void warn_of_training(const Model& model, KerasDialect dialect) {
  if (!is_old(dialect)) return;
  const CompileOptions& compiled = model.compiled();
  std::vector<std::string> metrics;
  for (const std::string& name : compiled.metrics) {
    if (metric_of_keras2(name, compiled).empty()) metrics.push_back(name);
  }
  if (!metrics.empty()) {
    warn_once(
        fmt::format("Keras 2 cannot load these metrics, so the file keeps them for tutti only: {}", fmt::join(metrics, ", ")));
  }
  const Json config = compiled.optimizer.config();
  if (dialect == KerasDialect::kPortable && config.value("initial_accumulator_value", 0.1) != 0.1) {
    warn_once("Adagrad's initial_accumulator_value is kept for tutti only, for Keras 2 refuses it: Keras 3 will take 0.1");
  }
  if (dialect != KerasDialect::kKeras20) return;
  const std::string class_name = compiled.optimizer.rule().class_name();
  std::vector<std::string> lacking;
  if (class_name == "AdamW") lacking.emplace_back("AdamW");
  for (const char* key : {"weight_decay", "global_clipnorm"}) {
    if (class_name != "AdamW" && !config[key].is_null()) lacking.emplace_back(key);
  }
  if (class_name == "RMSprop") {
    if (config["momentum"] != 0.0) lacking.emplace_back("the momentum of RMSprop");
    if (config["centered"] != false) lacking.emplace_back("centered");
  }
  if (compiled.loss && !compiled.loss->config().is_string()) lacking.emplace_back("the options of the loss");
  if (compiled.loss && compiled.loss->config() == "huber") lacking.emplace_back("huber");
  if (lacking.empty()) return;
  warn_once(fmt::format("Keras 2.0 loads this file only with compile=False, for it lacks: {}", fmt::join(lacking, ", ")));
}

}  // namespace

void warn_of_gaps(const Model& model, const SaveOptions& options) {
  warn_of_layers(model, options.dialect);
  if (options.include_optimizer && model.is_compiled()) warn_of_training(model, options.dialect);
}

void check_names(const Model& model, KerasDialect dialect) {
  if (dialect == KerasDialect::kKeras20) return;  // Keras 2 takes any name
  const auto check = [](const char* what, const std::string& name) {
    if (name.find('/') == std::string::npos) return;
    fail("save", "Keras 3 refuses / in names. Expected another name of the {}, or the dialect kKeras20. Got {}.", what, name);
  };
  check("model", model.name());
  for (const LayerPtr& layer : model.layers()) check("layer", layer->name);
}

}  // namespace tutti::keras
