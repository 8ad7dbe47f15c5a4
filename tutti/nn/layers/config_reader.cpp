#include "tutti/nn/layers/config_reader.h"

#include <cmath>
#include <limits>

#include "tutti/base/log.h"
#include "tutti/nn/json_fields.h"

namespace tutti {

ConfigReader::ConfigReader(std::string class_name, const Json& config) : class_name_(std::move(class_name)), config_(config) {
  if (!config.is_object()) refuse("the config of a layer must be an object. Got {}.", json_text(config));
}

const Json* ConfigReader::find(const char* key) {
  known_.insert(key);
  const auto found = config_.find(key);
  return found == config_.end() || found->is_null() ? nullptr : &*found;
}

std::string ConfigReader::text(const char* key, std::string_view fallback) {
  const Json* value = find(key);
  if (!value) return std::string(fallback);
  if (!value->is_string()) refuse("{} must be a text. Got {}.", key, json_text(*value));
  return value->get<std::string>();
}

bool ConfigReader::flag(const char* key, bool fallback) {
  const Json* value = find(key);
  if (!value) return fallback;
  if (!value->is_boolean()) refuse("{} must be true or false. Got {}.", key, json_text(*value));
  return value->get<bool>();
}

double ConfigReader::number(const char* key, double fallback) {
  const Json* value = find(key);
  if (!value) return fallback;
  if (value->is_object() && value->contains("value")) value = &(*value)["value"];
  if (!value->is_number()) refuse("{} must be a number. Got {}.", key, json_text(*value));
  return value->get<double>();
}

std::int64_t ConfigReader::integer(const char* key, std::int64_t fallback) {
  const double value = number(key, static_cast<double>(fallback));
  if (!(std::abs(value) <= std::numeric_limits<std::int32_t>::max()) || value != std::trunc(value))
    refuse("{} must be a whole number of at most 32 bits. Got {}.", key, value);
  return static_cast<std::int64_t>(value);
}

int ConfigReader::axis(const char* key, int fallback) {
  const Json* value = find(key);
  if (!value) return fallback;
  const std::vector<std::int64_t> axes = integers(key);
  if (axes.size() != 1) refuse("only one axis is supported. Got {}.", json_text(*value));
  return static_cast<int>(axes.front());
}

std::int64_t ConfigReader::positive(const char* key) {
  const std::int64_t value = integer(key, 0);
  if (value <= 0) refuse("{} must be given and positive.", key);
  return value;
}

std::vector<std::int64_t> ConfigReader::integers(const char* key) {
  const Json* value = find(key);
  if (!value) refuse("{} is missing.", key);
  std::vector<std::int64_t> numbers;
  const auto append = [&](const Json& item) {
    constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
    const std::int64_t number = item.is_number_integer() ? item.get<std::int64_t>() : kMax + 1;
    if (number < -kMax || number > kMax) refuse("{} must be whole numbers of at most 32 bits. Got {}.", key, json_text(*value));
    numbers.push_back(number);
  };
  if (value->is_array())
    for (const Json& item : *value) append(item);
  else
    append(*value);
  return numbers;
}

std::array<int, 2> ConfigReader::pair(const char* key, std::array<int, 2> fallback) {
  if (!find(key)) return fallback;
  const std::vector<std::int64_t> numbers = integers(key);
  if (numbers.empty() || numbers.size() > 2)
    refuse("{} must be one or two whole numbers. Got {} of them.", key, numbers.size());
  // Larger windows and strides than this are no model's; the limit keeps sizes far from overflow.
  for (const std::int64_t extent : numbers)
    if (extent < 1 || extent > 65536) refuse("{} must be between 1 and 65536. Got {}.", key, extent);
  return {static_cast<int>(numbers.front()), static_cast<int>(numbers.back())};
}

Initializer ConfigReader::initializer(const char* key, const char* fallback) {
  const Json* value = find(key);
  return value ? Initializer::from_config(*value) : Initializer(fallback);
}

Regularizer ConfigReader::regularizer(const char* key) {
  const Json* value = find(key);
  return value ? Regularizer::from_config(*value) : Regularizer{};
}

std::string ConfigReader::activation(const char* key) {
  const Json* value = find(key);
  if (!value) return "";
  std::string name;
  if (value->is_string()) {
    name = value->get<std::string>();
  } else if (value->is_object() && value->contains("config") && (*value)["config"].is_string()) {
    name = (*value)["config"].get<std::string>();  // {"class_name": "function", "config": "relu"}
  } else if (value->is_object() && value->contains("class_name") && (*value)["class_name"].is_string()) {
    name = (*value)["class_name"].get<std::string>();
  } else {
    refuse("{} must be the name of an activation. Got {}.", key, json_text(*value));
  }
  return name == "linear" ? "" : name;
}

std::string ConfigReader::padding() {
  const char* key = has("border_mode") ? "border_mode" : "padding";  // Keras 1
  const std::string value = text(key, "valid");
  if (value != "valid" && value != "same") refuse("padding must be valid or same. Got {}.", value);
  return value;
}

void ConfigReader::channels_last() {
  const std::string format = text("data_format", "channels_last"), ordering = text("dim_ordering", "tf");
  if (format != "channels_last" || ordering != "tf")
    refuse("data_format {} is not supported: tutti keeps channels last.", format != "channels_last" ? format : ordering);
}

void ConfigReader::constraint(const char* key) {
  if (find(key)) log_warning("{}: {} is kept out: predictions are right, but training will not apply it", class_name_, key);
}

void ConfigReader::refuse_unknown_keys() const {
  static const std::set<std::string, std::less<>> kCommon = {"name",        "trainable",
                                                             "dtype",       "batch_input_shape",
                                                             "batch_shape", "input_dtype",
                                                             "input_shape", "build_config",
                                                             "module",      "registered_name",
                                                             "sparse",      "ragged",
                                                             "optional",    "quantization_config",
                                                             "lora_rank",   "lora_alpha",
                                                             "shape",       "seed",
                                                             "noise_shape", "autocast"};
  for (const auto& [key, value] : config_.items())
    if (!known_.contains(key) && !kCommon.contains(key) && !value.is_null())
      refuse("the config has a key that tutti does not know: {} = {}.", key, json_text(value));
}

}  // namespace tutti
