// Cells of a notebook, one after another, as parts of one translation unit that never ends.
//
// Over clang's Parser, Sema and code generator, not its Interpreter, which dies of ordinary mistakes (docs/decisions). A cell
// is parsed whole first; what it declares is handed to the code generator only if it has no mistakes, else forgotten.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <llvm/Support/MemoryBuffer.h>

namespace tutti {

struct CompiledCell {
  std::string errors;                          // the compiler's words; "" if it has no mistakes
  std::string warnings;                        // the same of a cell without mistakes
  std::unique_ptr<llvm::MemoryBuffer> object;  // null if there is nothing to run, or mistakes
  std::string initialise;                      // the function that runs the cell
};

class Cells {
 public:
  // Error if the headers cannot be read.
  Cells();
  ~Cells();
  // Compiles a cell; `name` stands in the compiler's words.
  CompiledCell compile(const std::string& code, const std::string& name);
  // Forgets what the last compiled cell declared, from that line on: it could not be linked, or ended before.
  void forget_from(unsigned line);

  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace tutti
