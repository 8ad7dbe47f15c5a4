#include "tutti/base/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

#include "tutti/base/error.h"

namespace tutti {
namespace {

std::atomic<bool> flag{false};

void on_signal(int signal) {
  if (flag.exchange(true) && signal == SIGINT) _exit(130);
}

}  // namespace

void handle_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return flag.load(std::memory_order_relaxed); }

void set_interrupted(bool value) { flag.store(value); }

void check_interrupt() {
  if (interrupted()) throw Interrupted();
}

}  // namespace tutti
