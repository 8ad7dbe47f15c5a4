// What can stand at the cursor, and what stands there.
#pragma once

#include <optional>
#include <string>

#include "tutti/notebook/cpp/cells.h"
#include "tutti/notebook/interpreter.h"

namespace tutti {

// In a copy of this process (fork), which parses the cell up to the cursor with all that the cells before declared: exact, and
// nothing of it needs to be undone. Nothing if it takes longer than some seconds.
Completions complete_cell(Cells& cells, const std::string& code, std::size_t cursor);

// Signature, kind and documentation of the name at the cursor, or of the function whose arguments it stands in.
std::optional<MimeBundle> inspect_cell(Cells& cells, const std::string& code, std::size_t cursor);

}  // namespace tutti
