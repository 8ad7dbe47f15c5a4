// Whether a cell is whole, from its tokens alone: the parser would wait for ever behind an open brace.
#pragma once

#include <string>

#include "tutti/notebook/interpreter.h"

namespace tutti {

struct Brackets {
  CellState state = CellState::kComplete;
  std::string indent;   // of the next line, when incomplete
  std::string problem;  // "'{' in line 3 is not closed"; "" if complete
};
Brackets check_brackets(const std::string& code);

}  // namespace tutti
