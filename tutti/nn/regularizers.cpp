#include "tutti/nn/regularizers.h"

#include <nlohmann/json.hpp>
#include <string>

#include "tutti/base/error.h"

namespace tutti {

Regularizer Regularizer::from_config(const Json& config) {
  if (config.is_null()) return {};
  std::string name;
  Json options = Json::object();
  if (config.is_string()) {
    name = config.get<std::string>();
  } else if (config.is_object()) {
    name = config.value("class_name", std::string());
    options = config.value("config", Json::object());
  }
  // Defaults: keras/src/regularizers/regularizers.py.
  if (name == "l1" || name == "L1") return {options.value("l1", 0.01), 0.0};
  if (name == "l2" || name == "L2") return {0.0, options.value("l2", 0.01)};
  if (name == "l1_l2" || name == "L1L2") {
    const double fallback = config.is_string() ? 0.01 : 0.0;
    return {options.value("l1", fallback), options.value("l2", fallback)};
  }
  fail("Regularizer", "unknown regularizer. Expected l1, l2 or l1_l2. Got {}.", config.dump());
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
