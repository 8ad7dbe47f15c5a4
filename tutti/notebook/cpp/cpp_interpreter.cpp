#include "tutti/notebook/cpp/cpp_interpreter.h"

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/notebook/cpp/brackets.h"
#include "tutti/notebook/cpp/cells.h"
#include "tutti/notebook/cpp/complete.h"
#include "tutti/notebook/cpp/guard.h"
#include "tutti/notebook/cpp/jit.h"
#include "tutti/notebook/script.h"
#include "tutti/notebook/show_value.h"

namespace tutti {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

// The compiler's words; they name what is wrong and where.
CellError error_of(std::string name, const std::string& text) {
  std::vector<std::string> lines = lines_of(text);
  if (lines.empty()) lines.emplace_back();
  std::string message = lines.front();
  return {std::move(name), std::move(message), std::move(lines)};
}

std::string text_of(const Guarded& guarded) {
  switch (guarded.end) {
    case GuardedEnd::kSegmentation:
      return fmt::format("the cell's code read or wrote at {}, where nothing is. What it was working on may be damaged.",
                         fmt::ptr(guarded.address));
    case GuardedEnd::kArithmetic:
      return "division by zero, or an overflow of it";
    case GuardedEnd::kIllegal:
      return "the code ran into a trap: a function without its return, or __builtin_trap()";
    default:
      return "";
  }
}

class CppInterpreter : public Interpreter {
 public:
  CppInterpreter() { Jit::instance(); }

  CellResult execute(const std::string& code, int number) override;
  Completions complete(const std::string& code, std::size_t cursor) override { return complete_cell(cells_, code, cursor); }
  std::optional<MimeBundle> inspect(const std::string& code, std::size_t cursor) override {
    return inspect_cell(cells_, code, cursor);
  }
  CellCompleteness is_complete(const std::string& code) override {
    const Brackets brackets = check_brackets(code);
    return {brackets.state, brackets.indent};
  }
  void interrupt() override {
    set_interrupted(true);  // a cell that is compiled does not run then
    interrupt_guarded();
  }

 private:
  // Links what was compiled; what is wrong, "" if nothing.
  std::string link(CompiledCell& cell);
  // Runs a linked cell; how it ended badly.
  std::optional<CellError> run(const std::string& initialise, const std::string& name);

  Cells cells_;
};

std::string CppInterpreter::link(CompiledCell& cell) {
  Jit& jit = Jit::instance();
  const auto missing = jit.missing(cell.object->getMemBufferRef());
  if (!missing.empty()) return fmt::format("declared but not defined: {}", fmt::join(missing, ", "));
  return jit.add(std::move(cell.object));
}

std::optional<CellError> CppInterpreter::run(const std::string& initialise, const std::string& name) {
  Jit& jit = Jit::instance();
  void (*function)() = nullptr;
  try {
    function = reinterpret_cast<void (*)()>(jit.find(initialise));
  } catch (const Error& error) {
    return error_of("LinkError", error.what());
  }
  std::optional<CellError> error;
  const Guarded guarded = run_guarded([&] {
    try {
      jit.call([&] { function(); });
    } catch (const Interrupted&) {
      error = error_of("KeyboardInterrupt", "interrupted");
    } catch (const std::exception& thrown) {
      error = error_of(exception_type(), thrown.what());
    } catch (...) {
      error = error_of(exception_type(), "of a type that does not tell more");
    }
  });
  if (guarded.end == GuardedEnd::kInterrupted)
    error = error_of("KeyboardInterrupt", "interrupted");
  else if (guarded.end != GuardedEnd::kReturned)
    error = error_of("SegmentationFault", text_of(guarded));
  if (!error) return {};
  set_interrupted(false);
  unsigned line = 0;
  if (guarded.end == GuardedEnd::kReturned)
    for (const SourcePlace& place : jit.thrown_at()) {
      error->lines.push_back("    at " + place.text());
      if (place.file.ends_with(name)) line = place.line;
    }
  // What stands behind the place was never made; what stands before it is as good as ever.
  cells_.forget_from(line);
  error->lines.front() = error->name + ": " + error->message;
  return error;
}

CellResult CppInterpreter::execute(const std::string& code, int number) {
  const std::string name = fmt::format("In[{}]", number);
  // A brace that stays open would keep the parser waiting for ever.
  if (const Brackets brackets = check_brackets(code); brackets.state == CellState::kIncomplete)
    return {error_of("CompileError", fmt::format("{}: error: {}", name, brackets.problem)), {}};
  CompiledCell cell = cells_.compile(code, name);
  if (!cell.errors.empty()) return {error_of("CompileError", cell.errors), {}};
  if (!cell.warnings.empty()) std::fputs(cell.warnings.c_str(), stderr);
  if (!cell.object) return {};
  const std::string initialise = cell.initialise;
  if (const std::string wrong = link(cell); !wrong.empty()) {
    cells_.forget_from(0);
    return {error_of("LinkError", wrong), {}};
  }
  if (interrupted()) {  // while it was compiled
    set_interrupted(false);
    cells_.forget_from(0);
    return {error_of("KeyboardInterrupt", "interrupted before it ran"), {}};
  }
  take_shown_value();
  std::optional<CellError> error = run(initialise, name);
  std::optional<MimeBundle> value = take_shown_value();
  return {std::move(error), error ? std::nullopt : std::move(value)};
}

}  // namespace

std::unique_ptr<Interpreter> make_cpp_interpreter() { return std::make_unique<CppInterpreter>(); }

}  // namespace tutti
