#include "tutti/experiment/progress.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace tutti {
namespace {

const double* find(const NamedNumbers& numbers, std::string_view name) {
  for (const auto& [key, value] : numbers)
    if (key == name) return &value;
  return nullptr;
}

std::string metrics_text(const MemberStatus& status) {
  std::string text;
  for (const char* name : {"loss", "val_accuracy"})
    if (const double* value = find(status.metrics, name)) text += fmt::format("  {} {:.4f}", name, *value);
  return text;
}

std::string bar(double share, int width) {
  if (width < 4) return "";
  const int inside = width - 2;
  const int full = std::clamp(static_cast<int>(share * inside), 0, inside);
  std::string text(static_cast<std::size_t>(full), '=');
  if (full < inside) text += '>';
  text.resize(static_cast<std::size_t>(inside), '.');
  return "[" + text + "]";
}

std::size_t longest_name(const std::vector<MemberView>& members) {
  std::size_t width = 0;
  for (const MemberView& member : members) width = std::max(width, member.name.size());
  return width;
}

class LiveView : public ProgressView {
 public:
  explicit LiveView(Display& display) : display_(display) {}

  void update(const std::vector<MemberView>& members) override {
    std::string block;
    const std::size_t width = longest_name(members);
    for (const MemberView& member : members) {
      if (!block.empty()) block += '\n';
      // One column stays free: a full last column makes some terminals wrap.
      block += member_line(member, width, display_.width() - 1);
    }
    if (block == shown_) return;
    shown_ = block;
    display_.live("members", block);
  }
  void note(const std::string& line) override {
    finish();
    display_.text(line + "\n");
  }
  void finish() override {
    if (!shown_.empty()) display_.text("\n");
    shown_.clear();
  }

 private:
  Display& display_;
  std::string shown_;
};

class PlainView : public ProgressView {
 public:
  explicit PlainView(Display& display) : display_(display) {}

  void update(const std::vector<MemberView>& members) override {
    const std::size_t width = longest_name(members);
    for (const MemberView& member : members) {
      const MemberStatus& status = member.status;
      // Why a member waits, each time that it is something else.
      if (std::string& told = reasons_[member.name]; status.state == MemberState::kWaiting && status.error != told) {
        told = status.error;
        if (!told.empty()) display_.text(fmt::format("{:<{}}  waiting: {}\n", member.name, width, told));
      }
      int& shown = epochs_[member.name];
      if (status.epoch <= shown) continue;
      shown = status.epoch;
      std::string values;
      for (const auto& [name, value] : status.metrics) values += fmt::format("  {} {:.4f}", name, value);
      if (status.images_per_second > 0)
        display_.text(fmt::format("{:<{}}  epoch {}/{}  {:.0f} images/s{}  {} left\n", member.name, width, status.epoch,
                                  status.epochs, status.images_per_second, values, clock_text(status.seconds_left)));
      else
        display_.text(fmt::format("{:<{}}  epoch {}{}\n", member.name, width, status.epoch, values));
    }
  }
  void note(const std::string& line) override { display_.text(line + "\n"); }

 private:
  Display& display_;
  std::map<std::string, int> epochs_;
  std::map<std::string, std::string> reasons_;
};

class SilentView : public ProgressView {
 public:
  void update(const std::vector<MemberView>&) override {}
  void note(const std::string&) override {}
};

}  // namespace

std::string clock_text(double seconds) {
  const auto total = std::isfinite(seconds) && seconds > 0 ? static_cast<std::int64_t>(std::llround(seconds)) : 0;
  const std::int64_t hours = total / 3600, minutes = total / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, total % 60);
  return fmt::format("{}:{:02}", minutes, total % 60);
}

std::string member_line(const MemberView& member, std::size_t name_width, int width) {
  const MemberStatus& status = member.status;
  const std::string name = fmt::format("{:<{}}  ", member.name, name_width);
  std::string line;
  if (status.state == MemberState::kWaiting) {
    line = name + "waiting" + (status.error.empty() ? "" : ": " + status.error);
  } else if (status.state == MemberState::kRunning && status.steps == 0) {
    // A program says which epoch it is in if it writes a history; it has no planned number of them.
    line = name + (status.epoch > 0    ? fmt::format("epoch {} ", status.epoch) + metrics_text(status)
                   : status.epochs > 0 ? "loading the data"
                                       : "running");
  } else if (status.state == MemberState::kDone && status.epochs == 0) {
    line = name + "done";
  } else if (status.state == MemberState::kFailed) {
    line = name + "failed: " + status.error;
  } else {
    const int digits = static_cast<int>(std::to_string(status.epochs).size());
    const bool running = status.state == MemberState::kRunning;
    // The epoch in progress counts from 1; after the last one it stays.
    const int epoch = running ? std::min(status.epoch + 1, status.epochs) : status.epoch;
    const double share =
        running && status.steps > 0 ? static_cast<double>(status.step) / static_cast<double>(status.steps) : 1.0;
    const std::string head = name + fmt::format("epoch {:>{}}/{} ", epoch, digits, status.epochs);
    // Nothing is measured before the first steps.
    const bool measured = status.images_per_second > 0;
    std::string tail = measured ? fmt::format("  {:.0f} images/s", status.images_per_second) : "";
    tail += metrics_text(status);
    if (!running)
      tail += fmt::format("  {}", name_of(status.state));
    else if (measured)
      tail += fmt::format("  {} left", clock_text(status.seconds_left));
    const int room = width - static_cast<int>(head.size() + tail.size());
    line = head + bar(share, std::min(room, 22)) + tail;
  }
  if (width > 0 && line.size() > static_cast<std::size_t>(width)) line.resize(static_cast<std::size_t>(width));
  return line;
}

std::unique_ptr<ProgressView> make_progress_view(Display& display) {
  if (display.is_interactive()) return std::make_unique<LiveView>(display);
  return std::make_unique<PlainView>(display);
}

std::unique_ptr<ProgressView> make_silent_view() { return std::make_unique<SilentView>(); }

}  // namespace tutti
