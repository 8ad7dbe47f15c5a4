// Lines of a cell that are for the kernel and not for the compiler: %magic and !shell.
//
// `%word` counts at the start of a line (blanks may stand before it), `!command` in a line's first column; both only between
// statements: not inside brackets, a comment or a string, and not where an expression goes on (`a` newline `% b` is C++). An
// expression that begins with `!` is written with a blank before it, or as `not x`. `%%word` only counts in a cell's first line
// and is for the whole cell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tutti::jupyter {

struct CellPart {
  enum class Kind : std::uint8_t { kCode, kMagic, kShell };
  Kind kind = Kind::kCode;
  std::string name;  // of a magic: "time"
  std::string
      text;  // code, a magic's argument, a command. Code begins with empty lines, so that its line numbers are the cell's
};

struct CellParts {
  std::string cell_magic, cell_argument;  // of "%%time x"; empty without one
  std::vector<CellPart> parts;            // code that is only blanks is left out
};

CellParts split_cell(const std::string& code);

// The cell with blanks in the place of magics: the same positions, only C++. Nothing if byte `cursor` stands in a magic's line.
std::optional<std::string> only_code(const std::string& code, std::size_t cursor);

}  // namespace tutti::jupyter
