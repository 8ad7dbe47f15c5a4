#include "tutti/notebook/jupyter/crash.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fmt/format.h>

namespace tutti::jupyter {
namespace {

constexpr long kGoodbyeNs = 300'000'000;  // the capture hands over every 50 ms; then the sockets' turn
constexpr std::size_t kStackBytes = 1 << 16;

std::atomic<pid_t> kernel_process{0};  // a fork's faults are its own
std::atomic<bool> is_dying{false};
int log_descriptor = -1;

// Only calls that are safe in a signal handler.
void say(const char* text) {
  for (const int descriptor : {STDERR_FILENO, log_descriptor})
    if (descriptor >= 0) {
      [[maybe_unused]] const ssize_t written = ::write(descriptor, text, std::strlen(text));
    }
}

void wait_for_readers() {
  timespec left{.tv_sec = 0, .tv_nsec = kGoodbyeNs};
  while (::nanosleep(&left, &left) != 0) continue;
}

const char* name_of(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "segmentation fault";
    case SIGBUS:
      return "bus error";
    case SIGFPE:
      return "arithmetic fault (division by zero?)";
    case SIGILL:
      return "illegal instruction";
    default:
      return "aborted";
  }
}

void on_fault(int signal) {
  if (::getpid() == kernel_process && !is_dying.exchange(true)) {
    say("\nThe kernel died: ");
    say(name_of(signal));
    say(". All variables are lost.\n");
    wait_for_readers();
  }
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void on_exit_of_process(int code, void*) {
  if (::getpid() != kernel_process || is_dying.exchange(true)) return;
  std::fflush(stdout);
  say(fmt::format("\nThe kernel died: exit({}) was called. All variables are lost.\n", code).c_str());
  wait_for_readers();
  ::_exit(code);
}

}  // namespace

void install_last_words(int log) {
  log_descriptor = log;
  kernel_process = ::getpid();
  static std::array<char, kStackBytes> stack;  // a fault may be the end of the usual one
  const stack_t alternative{.ss_sp = stack.data(), .ss_flags = 0, .ss_size = stack.size()};
  ::sigaltstack(&alternative, nullptr);
  struct sigaction action {};
  action.sa_handler = on_fault;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigaction(fault, &action, nullptr);
  ::on_exit(on_exit_of_process, nullptr);
}

void no_last_words() { is_dying = true; }

}  // namespace tutti::jupyter
