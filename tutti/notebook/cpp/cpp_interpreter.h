// C++20 as a notebook's language.
#pragma once

#include <memory>

#include "tutti/notebook/interpreter.h"

namespace tutti {

// Error if the compiler cannot be set up. On the main thread; one for a process.
std::unique_ptr<Interpreter> make_cpp_interpreter();

}  // namespace tutti
