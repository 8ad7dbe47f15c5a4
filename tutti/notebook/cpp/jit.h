// Machine code linked into this process.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Support/MemoryBuffer.h>

namespace tutti {

// Where a piece of machine code stands in its source.
struct SourcePlace {
  std::string function;  // "train(int)"
  std::string file;
  unsigned line = 0;
};

// One for the process, and never destroyed: what it linked is called until the end, by the destructors of globals and by
// threads.
class Jit {
 public:
  static Jit& instance();

  // Links an object file with all that is in the process. Returns what is wrong, "" if nothing; then nothing of it stays.
  std::string add(std::unique_ptr<llvm::MemoryBuffer> object);
  // A function or variable of the objects. Error if there is none, or if it cannot be linked.
  void* find(const std::string& name);
  // Names that an object needs and that are nowhere, as people write them: "fwd(int)".
  std::vector<std::string> missing(llvm::MemoryBufferRef object);

  // Calls a function. Of an exception that leaves it, and passes on, thrown_at() then tells where it was thrown.
  void call(const std::function<void()>& function);
  // The places in the objects that led to the last exception, innermost first.
  std::vector<SourcePlace> thrown_at() const;

 private:
  Jit();
  void define_runtime();
  std::optional<SourcePlace> place_of(std::uintptr_t address) const;

  std::unique_ptr<llvm::orc::LLJIT> jit_;
  void (*guard_)(void (*)(void*), void*) = nullptr;
};

}  // namespace tutti
