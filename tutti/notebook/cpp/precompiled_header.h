// tutti's headers and the usual ones of the standard library, parsed once: what a script and a notebook would else wait for.
#pragma once

#include <filesystem>
#include <optional>

#include "tutti/notebook/cpp/compiler.h"

namespace tutti {

// The header's file, made now if there is none or if one of its headers has changed; nothing if it cannot be made or written,
// with a line in the log: then the headers are included. `arguments`: those of the sources that will use it.
std::optional<std::filesystem::path> precompiled_header(SourceKind kind, const std::vector<std::string>& arguments);

// What it holds, as the text of a source file.
const char* precompiled_text();

}  // namespace tutti
