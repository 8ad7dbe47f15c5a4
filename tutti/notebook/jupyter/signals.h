// Signals of a process that is a kernel.
#pragma once

#include <csignal>
#include <initializer_list>

namespace tutti::jupyter {

// For its lifetime this thread, and threads that it starts, get no signals but those of their own faults: SIGINT is for the
// main thread.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &old_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &old_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t old_{};
};

// While it lives, SIGINT sets tutti's flag (tutti/base/interrupt.h), as an interpreter's own handler does while it runs; then
// SIGINT is what it was before, and the flag is not set.
class InterruptsNoticed {
 public:
  InterruptsNoticed();
  ~InterruptsNoticed();
  InterruptsNoticed(const InterruptsNoticed&) = delete;
  InterruptsNoticed& operator=(const InterruptsNoticed&) = delete;

 private:
  struct sigaction old_ {};
};

}  // namespace tutti::jupyter
