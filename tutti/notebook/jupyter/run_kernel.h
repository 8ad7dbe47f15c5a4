// A kernel's process.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "tutti/notebook/interpreter.h"

namespace tutti {

// Serves the front-end that wrote the connection file until it says shutdown, or is gone. `make` is called on this thread, the
// main thread, once the sockets are open; it may take its time. Returns the process's exit code; the interpreter stays alive
// until the process ends. Error for a bad connection file or a port that is taken.
int run_kernel(const std::filesystem::path& connection_file, std::function<std::unique_ptr<Interpreter>()> make);

}  // namespace tutti
