// What the magics of a cell do. They print to standard output.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tutti/notebook/interpreter.h"
#include "tutti/notebook/jupyter/magics.h"

namespace tutti::jupyter {

// Runs code with the interpreter.
using RunCode = std::function<CellResult(const std::string& code)>;

// Runs a cell's parts up to the first that fails; the value is that of the last part, if that is code or %time.
CellResult run_cell(const CellParts& cell, const RunCode& run);

struct MagicInfo {
  std::string name;   // "%cd"
  std::string usage;  // "%cd [DIR]"
  std::string what;   // one line
};
const std::vector<MagicInfo>& magic_infos();

}  // namespace tutti::jupyter
