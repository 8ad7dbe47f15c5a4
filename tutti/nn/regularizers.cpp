#include "tutti/nn/regularizers.h"

#include <nlohmann/json.hpp>
#include <string>

#include "tutti/base/error.h"
#include "tutti/nn/json_fields.h"

namespace tutti {

Regularizer Regularizer::from_config(const Json& config) {
  if (config.is_null()) return {};
  // Keras 1: {"name": "WeightRegularizer", "l1": ..., "l2": ...}.
  const bool flat = config.is_object() && !config.contains("class_name") && config.contains("name");
  const NamedConfig named = flat ? NamedConfig{JsonFields("Regularizer", config).text("name", ""), &config}
                                 : read_named_config("Regularizer", config);
  static const Json kNone;
  const JsonFields options("Regularizer", named.options ? *named.options : kNone);
  // Defaults: keras/src/regularizers/regularizers.py.
  const std::string& name = named.name;
  if (name == "l1" || name == "L1") return {options.number("l1", 0.01), 0.0};
  if (name == "l2" || name == "L2") return {0.0, options.number("l2", 0.01)};
  if (name == "l1_l2" || name == "L1L2" || name == "WeightRegularizer" || name == "ActivityRegularizer") {
    const double fallback = config.is_string() ? 0.01 : 0.0;
    return {options.number("l1", fallback), options.number("l2", fallback)};
  }
  fail("Regularizer", "unknown regularizer. Expected l1, l2 or l1_l2. Got {}.", json_text(config));
}

Json Regularizer::config() const {
  if (empty()) return nullptr;
  const auto named = [](const char* class_name, Json options) -> Json {
    return {{"module", "keras.regularizers"}, {"class_name", class_name}, {"config", options}, {"registered_name", nullptr}};
  };
  if (l1 == 0.0) return named("L2", {{"l2", l2}});
  if (l2 == 0.0) return named("L1", {{"l1", l1}});
  return named("L1L2", {{"l1", l1}, {"l2", l2}});
}

}  // namespace tutti
