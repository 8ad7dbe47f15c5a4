#include "tutti/base/display.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

#include <fmt/format.h>

namespace tutti {
namespace {

class Console : public Display {
 public:
  void text(std::string_view text) override {
    live_lines_ = 0;
    write(text);
  }
  void show(const MimeBundle& bundle) override { text(plain_text(bundle) + "\n"); }
  // Back to the first line of the block of that name, then each line and an erase to its end. The cursor stays behind the
  // last line, where the next text() goes on.
  void live(std::string_view id, std::string_view block) override {
    const int up = id == live_id_ ? live_lines_ - 1 : 0;
    std::string out = up > 0 ? fmt::format("\r\x1b[{}A", up) : "\r";
    live_id_ = id;
    live_lines_ = 1;
    for (const char c : block) {
      if (c == '\n') {
        out += "\x1b[K";
        ++live_lines_;
      }
      out += c;
    }
    write(out + "\x1b[J");
  }
  bool is_interactive() const override { return ::isatty(STDOUT_FILENO) == 1; }
  int width() const override {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    if (const char* columns = std::getenv("COLUMNS"))
      if (const int value = std::atoi(columns); value > 0) return value;
    return 80;
  }

 private:
  static void write(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  std::string live_id_;
  int live_lines_ = 0;  // of the block on the screen; 0 after other text
};

std::mutex sink_mutex;

std::shared_ptr<Display>& sink() {
  static std::shared_ptr<Display> current = make_console_display();
  return current;
}

}  // namespace

std::string plain_text(const MimeBundle& bundle) {
  const auto found = bundle.find("text/plain");
  return found == bundle.end() ? "" : found->second;
}

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
