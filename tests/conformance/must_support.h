// What each engine must run itself; anything else it may refuse, with a reason.
#pragma once

#include <string_view>

#include "tutti/engine/engine.h"

namespace tutti::conformance {

bool must_support(std::string_view engine, const OpCall& call);

}  // namespace tutti::conformance
