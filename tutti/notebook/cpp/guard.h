// Running code that a user may interrupt, and that may fall over.
#pragma once

#include <cstdint>
#include <functional>

namespace tutti {

enum class GuardedEnd : std::uint8_t {
  kReturned,
  kInterrupted,   // left where it was: what it held is lost
  kSegmentation,  // SIGSEGV or SIGBUS in the code itself
  kArithmetic,    // SIGFPE
  kIllegal,       // SIGILL: __builtin_trap(), a function that ends without a return
};

struct Guarded {
  GuardedEnd end = GuardedEnd::kReturned;
  const void* address = nullptr;  // that could not be read or written
  const void* at = nullptr;       // the instruction
};

// Says where compiled code lies; what runs there may be left at any instruction. In a signal handler, too.
void add_code(std::uintptr_t begin, std::uintptr_t end);
bool is_code(std::uintptr_t address);

// Calls a function on the main thread; exceptions pass through. While it runs, interrupt_guarded() ends it: code that polls the
// interrupt flag (fit()) has a moment to do so, other code is left where it stands, as soon as it stands in compiled code.
// `patience`: seconds after which the process ends (exit code 130) if it never does, and SIGTERM is as SIGINT; 0: it goes on.
Guarded run_guarded(const std::function<void()>& function, double patience = 0);
// From any thread, and in a signal handler. Nothing happens if nothing runs.
void interrupt_guarded();

}  // namespace tutti
