// The display of a program that runs in a notebook.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "tutti/base/display.h"
#include "tutti/notebook/jupyter/iopub.h"

namespace tutti::jupyter {

// text() goes the way of printf. show() is an output of its own. live() is an output that is replaced in place, one for each id
// and cell, at most 20 times a second, its last state always. Text that follows it directly goes into it too, so fit()'s lines
// of all epochs ("Epoch 2/5", the next bar) stand in one block as they do in a console; once other output came between, text
// goes the way of printf again.
class KernelDisplay : public Display {
 public:
  using Clock = std::chrono::steady_clock;
  struct Parts {
    Iopub& iopub;
    // Sends out what was printed until now, so that outputs keep their order.
    std::function<void()> drain = [] {};
    // Standard output.
    std::function<void(std::string_view)> print;
    std::function<Clock::time_point()> now = [] { return Clock::now(); };
  };
  explicit KernelDisplay(Parts parts) : parts_(std::move(parts)) {}

  void text(std::string_view text) override;
  void show(const MimeBundle& bundle) override;
  void live(std::string_view id, std::string_view text) override;
  void show_live(std::string_view id, const MimeBundle& bundle) override;
  bool is_interactive() const override { return true; }
  int width() const override { return 80; }

  // The displays of the cell before are not replaced any more.
  void begin_cell();
  // Something was printed: text() has to come below it. Waits for nothing.
  void note_other_output() { other_output_ = true; }
  // Sends what is due; call it every 50 ms or so.
  void tick();
  // Sends the last state of all.
  void flush();

 private:
  struct Live {
    std::string display_id;
    std::string frozen;  // lines above the live one
    MimeBundle bundle;   // what replaces
    bool is_text = true;
    bool is_due = false;  // changed, and not sent
    Clock::time_point sent{};
  };

  void change(const std::string& id, const MimeBundle& bundle, bool is_text);
  void send(Live& live, bool is_new);
  void flush_locked();
  MimeBundle whole(const Live& live) const;

  Parts parts_;
  std::mutex mutex_;
  std::map<std::string, Live> live_;  // of this cell, by id
  std::atomic<bool> other_output_{false};
  std::string last_;  // the id of the live text that is the cell's last output; "" if it is something else
};

}  // namespace tutti::jupyter
