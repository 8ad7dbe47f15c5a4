// The sink for what a program shows its user: text, pictures, live progress. The console, a log file and the
// notebook kernel implement it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tutti {

class Display {
 public:
  virtual ~Display() = default;
  // Text as print would give it; '\n' included by the caller.
  virtual void text(std::string_view text) = 0;
  // A picture: mime "image/png" or "image/svg+xml" with its bytes, and what a text-only sink shows instead.
  virtual void picture(std::string_view mime, std::string_view bytes, std::string_view alternative) = 0;
  // A live line or block named `id`: replaces what was shown under that name before.
  virtual void live(std::string_view id, std::string_view text) = 0;
  // True if live() redraws in place (a terminal, a notebook); then progress bars are drawn.
  virtual bool is_interactive() const = 0;
  // Columns of the terminal; 80 when unknown.
  virtual int width() const = 0;
};

// The current sink; never null. First: the console (standard output).
Display& display();
// Replaces the sink; returns the old one.
std::shared_ptr<Display> set_display(std::shared_ptr<Display> sink);
std::shared_ptr<Display> make_console_display();

}  // namespace tutti
