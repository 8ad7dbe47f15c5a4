// Reads a layer's config of any Keras version, with defaults; remembers which keys it knew.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "tutti/base/error.h"
#include "tutti/nn/initializers.h"
#include "tutti/nn/json.h"
#include "tutti/nn/regularizers.h"
#include "tutti/tensor/shape.h"

namespace tutti {

class ConfigReader {
 public:
  ConfigReader(std::string class_name, const Json& config);

  const std::string& class_name() const { return class_name_; }
  bool has(const char* key) const { return config_.contains(key); }
  // nullptr when absent. The key counts as known.
  const Json* find(const char* key);

  std::string text(const char* key, std::string_view fallback);
  bool flag(const char* key, bool fallback);
  // Also {"type": "ndarray", "value": 0.3}, which Keras 2.0 wrote. null is the fallback.
  double number(const char* key, double fallback);
  // Of at most 32 bits, as all whole numbers here.
  std::int64_t integer(const char* key, std::int64_t fallback);
  // One axis, or the list of one that TensorFlow writes.
  int axis(const char* key, int fallback);
  // Error if absent.
  std::int64_t positive(const char* key);
  std::vector<std::int64_t> integers(const char* key);
  // A pair, or one number for both.
  std::array<int, 2> pair(const char* key, std::array<int, 2> fallback);
  Initializer initializer(const char* key, const char* fallback);
  Regularizer regularizer(const char* key);
  // "" for linear; the name of a serialized function or {"class_name", "config"} too.
  std::string activation(const char* key = "activation");
  // "valid" or "same".
  std::string padding();
  // Refuses channels_first.
  void channels_last();
  // Warns that a constraint is not applied in training.
  void constraint(const char* key);

  // Error for keys that nobody asked for and that are not common to all layers.
  void refuse_unknown_keys() const;

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(class_name_, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  std::string class_name_;
  const Json& config_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace tutti
