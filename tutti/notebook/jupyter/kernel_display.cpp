#include "tutti/notebook/jupyter/kernel_display.h"

namespace tutti::jupyter {
namespace {

constexpr std::chrono::milliseconds kInterval{50};  // 20 a second, as Keras redraws its bar
// Each update carries all of its block: a longer one is left as it is, and the next line begins a new block.
constexpr std::size_t kMaxFrozen = 1 << 14;

}  // namespace

void KernelDisplay::text(std::string_view text) {
  std::unique_lock lock(mutex_);
  if (!last_.empty()) parts_.drain();
  if (other_output_) last_.clear();
  if (last_.empty()) {
    lock.unlock();
    parts_.print(text);
    return;
  }
  Live& live = live_[last_];
  live.frozen += plain_text(live.bundle);
  live.frozen += text;
  live.bundle["text/plain"].clear();
  live.is_due = true;
  if (live.frozen.size() < kMaxFrozen) return;
  send(live, false);
  live_.erase(last_);
  last_.clear();
}

void KernelDisplay::show(const MimeBundle& bundle) {
  std::scoped_lock lock(mutex_);
  flush_locked();
  parts_.drain();
  last_.clear();
  parts_.iopub.display(to_data(bundle));
}

void KernelDisplay::live(std::string_view id, std::string_view text) {
  std::scoped_lock lock(mutex_);
  change(std::string(id), {{"text/plain", std::string(text)}}, true);
}

void KernelDisplay::show_live(std::string_view id, const MimeBundle& bundle) {
  std::scoped_lock lock(mutex_);
  change(std::string(id), bundle, false);
}

void KernelDisplay::change(const std::string& id, const MimeBundle& bundle, bool is_text) {
  const auto [found, is_new] = live_.try_emplace(id);
  Live& live = found->second;
  if (is_new) {
    live.display_id = make_id();
    flush_locked();
    parts_.drain();
  }
  live.bundle = bundle;
  live.is_text = is_text;
  live.is_due = true;
  if (is_new) {
    last_ = is_text ? id : "";
    other_output_ = false;
  }
  if (is_new || parts_.now() - live.sent >= kInterval) send(live, is_new);
}

MimeBundle KernelDisplay::whole(const Live& live) const {
  if (live.frozen.empty() || !live.is_text) return live.bundle;
  std::string text = live.frozen + plain_text(live.bundle);
  // Every front-end begins a new line behind a block.
  if (text.ends_with('\n')) text.pop_back();
  return {{"text/plain", text}};
}

void KernelDisplay::send(Live& live, bool is_new) {
  live.is_due = false;
  live.sent = parts_.now();
  parts_.iopub.display(to_data(whole(live)), live.display_id, !is_new);
}

void KernelDisplay::begin_cell() {
  std::scoped_lock lock(mutex_);
  flush_locked();
  live_.clear();
  last_.clear();
}

void KernelDisplay::tick() {
  std::scoped_lock lock(mutex_);
  const Clock::time_point now = parts_.now();
  for (auto& [id, live] : live_)
    if (live.is_due && now - live.sent >= kInterval) send(live, false);
}

void KernelDisplay::flush() {
  std::scoped_lock lock(mutex_);
  flush_locked();
}

void KernelDisplay::flush_locked() {
  for (auto& [id, live] : live_)
    if (live.is_due) send(live, false);
}

}  // namespace tutti::jupyter
