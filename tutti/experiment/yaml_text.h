// JSON as YAML, for people to read.
#pragma once

#include <string>

#include "tutti/nn/json.h"

namespace tutti {

// In block style; texts that YAML would take for something else are quoted. Ends with a line break.
std::string yaml_text(const Json& json);

}  // namespace tutti
