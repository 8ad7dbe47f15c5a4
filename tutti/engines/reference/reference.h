// The engine that defines what each op means: plain loops, accumulating in double, one thread, never optimised.
#pragma once

#include "tutti/engine/engine.h"

namespace tutti {

// Never refuses an op whose types are float32 or float64.
Prepared prepare_reference(const OpCall& call);
std::shared_ptr<Engine> make_reference_engine();

}  // namespace tutti
