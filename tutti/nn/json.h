// Configurations as Keras writes them: JSON whose keys keep their order.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace tutti {
using Json = nlohmann::ordered_json;
}  // namespace tutti
