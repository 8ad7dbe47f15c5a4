// The sink for what a program shows its user: text, pictures, live progress. The console, a log file and the
// notebook kernel implement it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace tutti {

// One thing in several forms, as Jupyter has it: "text/plain" always; "text/html", "image/svg+xml", "image/png" (its bytes) ...
// A sink takes the richest that it can show.
using MimeBundle = std::map<std::string, std::string>;

// Its "text/plain", or "".
std::string plain_text(const MimeBundle& bundle);

class Display {
 public:
  virtual ~Display() = default;
  // Text as print would give it; '\n' included by the caller.
  virtual void text(std::string_view text) = 0;
  // A table, a picture.
  virtual void show(const MimeBundle& bundle) = 0;
  // A live line or block named `id`: replaces what was shown under that name before, until text() or show() comes between.
  virtual void live(std::string_view id, std::string_view text) = 0;
  // The same with more than text, for sinks that can show it.
  virtual void show_live(std::string_view id, const MimeBundle& bundle) { live(id, plain_text(bundle)); }
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
