// YAML values as JSON, which layers and optimizers take their configurations in.
#pragma once

#include <yaml-cpp/yaml.h>

#include "tutti/nn/json.h"

namespace tutti {

// Plain scalars become null, booleans, numbers or strings; "1/255" becomes a number; quoted ones stay strings.
Json json_of_yaml(const YAML::Node& node);

}  // namespace tutti
