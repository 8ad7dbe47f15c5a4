#include "tutti/base/display.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include <fmt/format.h>

namespace tutti {
namespace {

class Console : public Display {
 public:
  void text(std::string_view text) override {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }
  void picture(std::string_view, std::string_view, std::string_view alternative) override {
    text(fmt::format("{}\n", alternative));
  }
  // A live block of one line: carriage return, text, erase to the end of the line.
  void live(std::string_view, std::string_view line) override { text(fmt::format("\r{}\x1b[K", line)); }
  bool is_interactive() const override { return ::isatty(STDOUT_FILENO) == 1; }
  int width() const override {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    if (const char* columns = std::getenv("COLUMNS"))
      if (const int value = std::atoi(columns); value > 0) return value;
    return 80;
  }
};

std::mutex sink_mutex;

std::shared_ptr<Display>& sink() {
  static std::shared_ptr<Display> current = make_console_display();
  return current;
}

}  // namespace

std::shared_ptr<Display> make_console_display() { return std::make_shared<Console>(); }

Display& display() {
  std::scoped_lock lock(sink_mutex);
  return *sink();
}

std::shared_ptr<Display> set_display(std::shared_ptr<Display> next) {
  std::scoped_lock lock(sink_mutex);
  std::swap(sink(), next);
  return next;
}

}  // namespace tutti
