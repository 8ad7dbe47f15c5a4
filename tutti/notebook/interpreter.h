// The seam between a notebook kernel and a language: what the kernel asks of it. cpp/ implements it for C++; a fake for tests
// stands beside the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tutti/base/display.h"

namespace tutti {

// Why a cell did not end well.
struct CellError {
  std::string name;                // "CompileError", "std::runtime_error", "KeyboardInterrupt", "SegmentationFault", ...
  std::string message;             // one line
  std::vector<std::string> lines;  // what a notebook shows: the compiler's words with the caret, or what() and where
};

struct CellResult {
  std::optional<CellError> error;
  std::optional<MimeBundle> value;  // of the last expression, if the cell ends with one without ';'
};

struct Completion {
  std::string text;       // replaces the bytes [begin, end) of the cell
  std::string kind;       // "function", "class", "instance", "keyword", "path", ...: Jupyter's types
  std::string signature;  // "(const Tensor &x) -> History"; may be empty
};
struct Completions {
  std::vector<Completion> matches;
  std::size_t begin = 0, end = 0;
};

enum class CellState : std::uint8_t { kComplete, kIncomplete, kInvalid };
struct CellCompleteness {
  CellState state = CellState::kComplete;
  std::string indent;  // of the next line, when incomplete
};

// Positions are bytes in UTF-8. Only interrupt() may be called while another call runs.
class Interpreter {
 public:
  virtual ~Interpreter() = default;
  // Runs a cell; what it prints goes to file descriptors 1 and 2, what it displays to display(). On the main thread. `number`:
  // Jupyter's execution count, in the names of cells in diagnostics. Never throws for what the cell does; an Interrupted that
  // leaves the cell is a KeyboardInterrupt. While it runs, SIGINT does what interrupt() does; then its old handler is back. A
  // fault that is not in the cell's code goes on to the handler that was there before.
  virtual CellResult execute(const std::string& code, int number) = 0;
  virtual Completions complete(const std::string& code, std::size_t cursor) = 0;
  // Signature and documentation of what stands at the cursor; nothing if there is nothing.
  virtual std::optional<MimeBundle> inspect(const std::string& code, std::size_t cursor) = 0;
  virtual CellCompleteness is_complete(const std::string& code) = 0;
  // Ends the running cell: fit() after its step, other code where it is; it sets tutti's flag (base/interrupt.h), which library
  // code that waits looks at. From any thread; nothing happens if no cell runs.
  virtual void interrupt() = 0;
};

}  // namespace tutti
