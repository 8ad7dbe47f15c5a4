// Machine code linked into this process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Support/MemoryBuffer.h>

namespace tutti {

// Where a piece of machine code stands in its source.
struct SourcePlace {
  std::string function;  // "train(int)"; "" at the top level of a cell
  std::string file;
  unsigned line = 0;
  // "train.cpp:12 in train(int)".
  std::string text() const;
};

// LLVM's knowledge of this machine, once.
void initialise_llvm();

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
  // Of one instruction: the line it comes from, and those of the functions that it was inlined into; without those of the
  // system's headers.
  std::vector<SourcePlace> places_of(std::uintptr_t address) const;

 private:
  Jit();
  void define_runtime();

  std::unique_ptr<llvm::orc::LLJIT> jit_;
  void (*guard_)(void (*)(void*), void*) = nullptr;
};

}  // namespace tutti
