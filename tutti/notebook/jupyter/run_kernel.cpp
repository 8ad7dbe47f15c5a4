#include "tutti/notebook/jupyter/run_kernel.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "tutti/base/files.h"
#include "tutti/notebook/jupyter/crash.h"
#include "tutti/notebook/jupyter/input.h"
#include "tutti/notebook/jupyter/kernel.h"
#include "tutti/notebook/jupyter/output_capture.h"
#include "tutti/notebook/jupyter/signals.h"
#include "tutti/notebook/jupyter/zmq_transport.h"
#include "tutti/notebook/live_fit.h"

namespace tutti {
namespace {

using namespace jupyter;
using std::chrono::milliseconds;

constexpr milliseconds kTick{50};        // of live displays
constexpr int kParentTicks = 20;         // once a second
constexpr milliseconds kCellsEnd{2000};  // a cell's time to end at a shutdown; then the process goes

// True once the front-end that started this kernel has died; never for a kernel that was started to outlive it.
class ParentWatch {
 public:
  bool is_gone() const {
    if (named_ <= 0) return false;
    return ::getppid() != parent_ || (::kill(named_, 0) != 0 && errno == ESRCH);
  }

 private:
  // Jupyter gives the variable to kernels that die with it. The parent may be a wrapper around us.
  pid_t named_ = std::atoi(env("JPY_PARENT_PID", "0").c_str());
  pid_t parent_ = ::getppid();
};

// Does what has to be done from time to time.
class Ticker {
 public:
  explicit Ticker(std::shared_ptr<KernelDisplay> display) : display_(std::move(display)) {
    const BlockedSignals blocked;
    thread_ = std::thread([this] { run(); });
  }
  ~Ticker() {
    stop_ = true;
    thread_.join();
  }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  void run() {
    const ParentWatch parent;
    for (int tick = 1; !stop_; ++tick) {
      std::this_thread::sleep_for(kTick);
      display_->tick();
      if (tick % kParentTicks == 0 && parent.is_gone()) ::_exit(1);
    }
  }

  std::shared_ptr<KernelDisplay> display_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void prepare_signals_and_input() {
  // Between cells an interrupt has nothing to end.
  std::signal(SIGINT, SIG_IGN);
  // Not SIG_IGN, which children would inherit.
  std::signal(SIGPIPE, [](int) {});
  std::signal(SIGCHLD, SIG_DFL);
  // What reads descriptor 0 past std::cin must not wait for a terminal that nobody sees.
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing >= 0) {
    ::dup2(nothing, STDIN_FILENO);
    ::close(nothing);
  }
}

void end_soon() {
  const BlockedSignals blocked;
  std::thread([] {
    std::this_thread::sleep_for(kCellsEnd);
    ::_exit(0);
  }).detach();
}

}  // namespace

int run_kernel(const std::filesystem::path& connection_file, std::function<std::unique_ptr<Interpreter>()> make) {
  prepare_signals_and_input();
  ZmqTransport transport(read_connection(connection_file));
  OutputCapture* output = nullptr;
  CellInput* input = nullptr;
  Kernel kernel({.transport = transport,
                 .make = std::move(make),
                 .history = history_file(),
                 .drain = [&] { output->drain(); },
                 .begin_cell = [&] { input->begin_cell(); },
                 .abandon = end_soon});
  OutputCapture capture([&](const std::string& name, const std::string& text) { kernel.print(name, text); });
  output = &capture;
  CellInput cell_input([&] {
    capture.drain();  // the question
    return kernel.ask();
  });
  input = &cell_input;
  const std::shared_ptr<Display> old_display = set_display(kernel.display());
  use_live_fit();
  {
    const Ticker ticker(kernel.display());
    install_last_words(capture.real_stderr());
    transport.start([&](Channel channel, Message message) { kernel.receive(channel, std::move(message)); });
    kernel.run();
    capture.drain();
    transport.flush();
  }
  no_last_words();
  set_display(old_display);
  // Code of cells may still be called: destructors of their variables at exit.
  [[maybe_unused]] const Interpreter* const leaked = kernel.take_interpreter().release();
  return 0;
}

}  // namespace tutti
