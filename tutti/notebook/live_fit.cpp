#include "tutti/notebook/live_fit.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tutti/base/display.h"
#include "tutti/base/html.h"
#include "tutti/nn/callbacks.h"
#include "tutti/nn/progress.h"
#include "tutti/notebook/curves.h"
#include "tutti/notebook/show_value.h"

namespace tutti {
namespace {

using Clock = EpochProgress::Clock;

// A browser lays out the whole block again each time.
constexpr std::chrono::milliseconds kRedraw{250};
// Every update carries the text of the epochs too.
constexpr std::size_t kMostLines = 40;

class LiveFitCallback : public Callback {
 public:
  void on_train_begin(FitState&) override {
    static std::atomic<int> fits{0};
    id_ = fmt::format("fit-{}", ++fits);
  }

  void on_epoch_begin(FitState& state) override {
    // A fit that goes on from a state: what was before belongs to the curves.
    if (history_.epoch.empty() && state.epoch > 0 && state.snapshot) history_ = state.snapshot().history;
    running_ = {};
    is_running_ = true;
    progress_.begin();
    draw_if_due(state);
  }

  void on_batch_end(FitState& state, const Logs& logs) override {
    progress_.step(state);
    running_ = logs;
    draw_if_due(state);
  }

  void on_epoch_end(FitState& state, Logs& logs) override {
    is_running_ = false;
    running_ = {};
    history_.epoch.push_back(state.epoch);
    history_.logs.push_back(logs);
    if (state.epochs > 1) lines_.push_back(fmt::format("Epoch {}/{}", state.epoch + 1, state.epochs));
    lines_.push_back(progress_.ended_line(state, logs));
    draw_if_due(state);
  }

  void on_interrupt(FitState&) override { was_interrupted_ = true; }

  void on_train_end(FitState& state) override {
    if (history_.epoch.empty() && !is_running_) return;
    draw(state, ending_of(state));
    if (!is_running_ && !was_interrupted_) note_drawn_history(history_);
  }

 private:
  // How fit ended: "" if all epochs ran.
  std::string ending_of(const FitState& state) const {
    if (was_interrupted_) return "interrupted";
    if (is_running_) return "ended by an error";
    if (!state.stop_reason.empty()) return "ended by " + state.stop_reason;
    if (state.stop_training) return "ended by a callback";
    return state.epoch + 1 < state.epochs ? "ended by an error" : "done";
  }

  void draw_if_due(const FitState& state) {
    if (!drawn_ || Clock::now() - *drawn_ >= kRedraw) draw(state, "");
  }

  void draw(const FitState& state, const std::string& ending) {
    drawn_ = Clock::now();
    display().show_live(id_, {{"text/plain", text(state, ending)}, {"text/html", html(state, ending)}});
  }

  std::string text(const FitState& state, const std::string& ending) const {
    std::vector<std::string> lines = lines_;
    if (is_running_) {
      if (state.epochs > 1) lines.push_back(fmt::format("Epoch {}/{}", state.epoch + 1, state.epochs));
      lines.push_back(progress_.running_line(state, running_));
    }
    if (lines.size() > kMostLines) {
      lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kMostLines));
      lines.insert(lines.begin(), "...");
    }
    if (!ending.empty() && ending != "done") lines.push_back(ending);
    return fmt::format("{}", fmt::join(lines, "\n"));
  }

  std::string html(const FitState& state, const std::string& ending) const {
    History history = history_;
    if (is_running_ && !running_.empty()) {
      history.epoch.push_back(state.epoch);
      history.logs.push_back(running_);
    }
    // Of a fit that has ended the axis shows what there is.
    const int epochs = ending.empty() ? epochs_on_axis(state) : 0;
    return bar_html(state, ending) + values_html(history) + curves_html(history, epochs);
  }

  // Those that are to come, but not so many that those of now cannot be seen: the axis doubles.
  static int epochs_on_axis(const FitState& state) {
    int epochs = 10;
    while (epochs <= state.epoch) epochs *= 2;
    return std::min(epochs, state.epochs);
  }

  // Of all epochs.
  std::string bar_html(const FitState& state, const std::string& ending) const {
    const double in_epoch =
        state.steps > 0 && is_running_ ? static_cast<double>(state.step) / static_cast<double>(state.steps) : 0;
    const double epochs_done = state.epoch + (is_running_ ? in_epoch : 1.0);
    const double share = state.epochs > 0 ? std::min(1.0, epochs_done / state.epochs) : 0;
    const char* color = ending.empty() ? "#0072B2" : ending == "done" ? "#009E73" : "#D55E00";
    return fmt::format(
        "<div style=\"display:flex;align-items:center;gap:.8em;flex-wrap:wrap\">"
        "<div style=\"width:16em;height:.7em;background:rgba(128,128,128,.3);border-radius:.35em;overflow:hidden\">"
        "<div style=\"width:{:.1f}%;height:100%;background:{}\"></div></div><span>{}</span></div>\n",
        100 * share, color, escape_html(words(state, ending)));
  }

  // "epoch 3/10, step 20/40, 5s left in it, 1200 images/s"
  std::string words(const FitState& state, const std::string& ending) const {
    std::string words = fmt::format("epoch {}/{}", state.epoch + 1, state.epochs);
    if (is_running_) words += fmt::format(", step {}/{}", state.step, state.steps);
    if (ending.empty() && is_running_ && state.step > 0)
      words += fmt::format(", epoch ends in {}", duration_text(progress_.seconds_left(state)));
    if (state.step > 0) words += fmt::format(", {:.0f} images/s", progress_.images_per_second(state));
    return ending.empty() ? words : ending + ": " + words;
  }

  // Of the last epoch that has all values, else of the one under way.
  static std::string values_html(const History& history) {
    if (history.logs.empty()) return "";
    std::string text = logs_text(history.logs.back());
    if (text.starts_with(" - ")) text = text.substr(3);
    return "<div style=\"margin:.3em 0\">" + escape_html(text) + "</div>\n";
  }

  std::string id_;
  EpochProgress progress_;
  std::optional<Clock::time_point> drawn_;
  std::vector<std::string> lines_;  // of the epochs that have ended
  History history_;                 // of them
  Logs running_;                    // of the epoch under way
  bool is_running_ = false;         // between the begin and the end of an epoch
  bool was_interrupted_ = false;
};

}  // namespace

CallbackPtr LiveFit(int verbose) { return verbose == 1 ? std::make_shared<LiveFitCallback>() : ProgressBar(verbose); }

void use_live_fit() { set_progress(LiveFit); }

}  // namespace tutti
