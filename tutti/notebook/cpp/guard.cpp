#include "tutti/notebook/cpp/guard.h"

#include <pthread.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csetjmp>
#include <csignal>

#include "tutti/base/interrupt.h"

namespace tutti {
namespace {

// Read by signal handlers: only ever grows, at the head.
struct Range {
  std::uintptr_t begin = 0, end = 0;
  const Range* next = nullptr;
};
std::atomic<const Range*> ranges{nullptr};

std::atomic<bool> running{false};
std::atomic<bool> asked{false};
sigjmp_buf leave;
volatile GuardedEnd how;
const void* volatile address;
const void* volatile instruction;
pthread_t main_thread;

// Time for fit() to see the flag after its step, and for destructors: leaving code where it stands runs none.
constexpr suseconds_t kFirst = 150'000, kAgain = 10'000;
std::atomic<int> looks_left{0};  // until the process ends; 0: never

std::uintptr_t instruction_of(void* context) {
  const auto* machine = static_cast<ucontext_t*>(context);
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(machine->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return machine->uc_mcontext.pc;
#endif
}

void set_timer(suseconds_t first, suseconds_t again) {
  const itimerval timer{.it_interval = {0, again}, .it_value = {0, first}};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

void on_timer(int, siginfo_t*, void* context) {
  if (!running.load() || !asked.load()) return set_timer(0, 0);
  if (!pthread_equal(pthread_self(), main_thread)) {
    pthread_kill(main_thread, SIGALRM);
    return;
  }
  // Never out of the library, where a lock may be held: the timer comes again.
  if (!is_code(instruction_of(context))) {
    if (looks_left.load() == 0 || looks_left.fetch_sub(1) > 1) return;
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, "interrupted\n", 12);
    ::_exit(130);
  }
  set_timer(0, 0);
  how = GuardedEnd::kInterrupted;
  siglongjmp(leave, 1);
}

std::array<struct sigaction, NSIG> faults_before{};  // by signal

void on_fault(int signal, siginfo_t* info, void* context) {
  const std::uintptr_t at = instruction_of(context);
  if (running.load() && pthread_equal(pthread_self(), main_thread) && is_code(at)) {
    how = signal == SIGFPE ? GuardedEnd::kArithmetic : signal == SIGILL ? GuardedEnd::kIllegal : GuardedEnd::kSegmentation;
    address = info->si_addr;
    instruction = reinterpret_cast<const void*>(at);
    siglongjmp(leave, 1);
  }
  // Somebody else's: whoever handled it before sees it when the instruction is tried again.
  ::sigaction(signal, &faults_before[static_cast<std::size_t>(signal)], nullptr);
}

void on_interrupt(int signal) {
  // Where patience has an end (a script), a second Ctrl-C ends it now.
  if (signal == SIGINT && asked.load() && looks_left.load() > 0) ::_exit(130);
  interrupt_guarded();
}

// A stack overflow is handled on another stack.
void install() {
  static const bool done = [] {
    main_thread = pthread_self();
    static std::array<char, 65536> stack;
    const stack_t alternative{.ss_sp = stack.data(), .ss_flags = 0, .ss_size = stack.size()};
    ::sigaltstack(&alternative, nullptr);
    struct sigaction fault {};
    fault.sa_sigaction = on_fault;
    fault.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL})
      ::sigaction(signal, &fault, &faults_before[static_cast<std::size_t>(signal)]);
    struct sigaction timer {};
    timer.sa_sigaction = on_timer;
    timer.sa_flags = SA_SIGINFO | SA_RESTART;
    ::sigaction(SIGALRM, &timer, nullptr);
    return true;
  }();
  (void)done;
}

// The handlers of SIGINT and SIGTERM that were there before a guarded function began.
struct Interrupts {
  struct sigaction interrupt {};
  struct sigaction terminate {};
};

void begin(Interrupts& before, bool also_terminate) {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, &before.interrupt);
  ::sigaction(SIGTERM, also_terminate ? &action : nullptr, &before.terminate);
}

void end(const Interrupts& before) {
  running = false;
  set_timer(0, 0);
  ::sigaction(SIGINT, &before.interrupt, nullptr);
  ::sigaction(SIGTERM, &before.terminate, nullptr);
}

}  // namespace

void add_code(std::uintptr_t begin, std::uintptr_t end) {
  auto* const range = new Range{begin, end, ranges.load()};
  while (!ranges.compare_exchange_weak(range->next, range)) {
  }
}

bool is_code(std::uintptr_t value) {
  for (const Range* range = ranges.load(); range; range = range->next)
    if (value >= range->begin && value < range->end) return true;
  return false;
}

Guarded run_guarded(const std::function<void()>& function, double patience) {
  install();
  looks_left = static_cast<int>(patience * 1e6 / kAgain);
  set_interrupted(false);
  asked = false;
  Interrupts before;
  begin(before, patience > 0);
  // Nothing with a destructor stands between here and the jump.
  if (sigsetjmp(leave, /*savemask=*/1) == 0) {
    running = true;
    struct End {
      const Interrupts& before;
      ~End() { end(before); }
    } end_it{before};
    function();
    return {};
  }
  end(before);
  return {.end = how, .address = address, .at = instruction};
}

void interrupt_guarded() {
  if (!running.load()) return;
  asked = true;
  set_interrupted(true);
  set_timer(kFirst, kAgain);
}

}  // namespace tutti
