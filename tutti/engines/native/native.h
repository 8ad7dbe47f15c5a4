// Our own CPU engine: vectorised by Highway with run-time dispatch, on all threads of parallel_for.
#pragma once

#include "tutti/engine/engine.h"

namespace tutti {

std::shared_ptr<Engine> make_native_engine();

}  // namespace tutti
