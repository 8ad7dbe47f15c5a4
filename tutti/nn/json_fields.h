// Reading configurations that may hold anything: a wrong type is an Error, never an exception of the JSON library.
#pragma once

#include <string>
#include <string_view>

#include "tutti/nn/json.h"

namespace tutti {

// The fields of an object; `object` must outlive this. Errors are in the name of `where`.
class JsonFields {
 public:
  // null has no fields. Error if it is neither null nor an object.
  JsonFields(std::string where, const Json& object);

  // nullptr when absent or null.
  const Json* find(const char* key) const;
  // {"type": "ndarray", "value": 0.3}, which Keras 2.0 wrote for 0.3, too.
  double number(const char* key, double fallback) const;
  bool flag(const char* key, bool fallback) const;
  std::string text(const char* key, std::string_view fallback) const;

 private:
  std::string where_;
  const Json& object_;
};

// {"class_name", "config"}, as Keras serialises an object. A bare name, and {"class_name": "function", "config": name}, are
// names without options.
struct NamedConfig {
  std::string name;
  const Json* options;  // of the given JSON; nullptr when there are none
};
// Error in the name of `where` for anything else.
NamedConfig read_named_config(const char* where, const Json& config);

// For messages: one line, cut where it is long or deep.
std::string json_text(const Json& value);

}  // namespace tutti
