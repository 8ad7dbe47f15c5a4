#include "tutti/experiment/member_callbacks.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/base/log.h"
#include "tutti/experiment/checkpoint.h"
#include "tutti/nn/model.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

void set(NamedNumbers& numbers, const std::string& name, double value) {
  for (auto& [key, number] : numbers)
    if (key == name) {
      number = value;
      return;
    }
  numbers.emplace_back(name, value);
}

class StatusWriter : public Callback {
 public:
  StatusWriter(const MemberFolder& folder, MemberStatus& status, TrainingSpeed& speed)
      : folder_(folder), status_(status), speed_(speed) {}

  void on_train_begin(FitState& state) override {
    status_.epochs = state.epochs;
    train_begin_ = Clock::now();
  }
  void on_epoch_begin(FitState& state) override {
    epoch_begin_ = Clock::now();
    status_.step = state.step;
    status_.steps = state.steps;
    samples_before_ = state.samples;
    steps_before_ = state.step;
    write();
  }
  void on_batch_end(FitState& state, const Logs& logs) override {
    status_.step = state.step;
    trained_ = seconds_since(epoch_begin_);
    if (seconds_since(written_) < kInterval) return;
    for (const auto& [name, value] : logs) set(status_.metrics, name, value);
    measure(state);
    write();
  }
  void on_epoch_end(FitState& state, Logs& logs) override {
    for (const auto& [name, value] : logs) set(status_.metrics, name, value);
    status_.epoch = state.epoch + 1;
    status_.step = state.steps;
    measure(state);
    speed_.seconds += trained_;
    speed_.samples += state.samples - samples_before_;
    const double elapsed = seconds_since(train_begin_);
    const int done = state.epoch + 1 - state.initial_epoch;
    status_.seconds_left = elapsed / done * (state.epochs - state.epoch - 1);
    write();
    std::string values;
    for (const auto& [name, value] : logs) values += fmt::format(" - {}: {:.4f}", name, value);
    display().text(
        fmt::format("Epoch {}/{} - {:.0f}s{}\n", state.epoch + 1, state.epochs, seconds_since(epoch_begin_), values));
  }

 private:
  static constexpr double kInterval = 0.5;  // seconds; the view looks five times a second

  void measure(const FitState& state) {
    const std::int64_t samples = state.samples - samples_before_, steps = status_.step - steps_before_;
    if (trained_ <= 0 || samples <= 0) return;
    status_.images_per_second = static_cast<double>(samples) / trained_;
    const double step = trained_ / static_cast<double>(steps);
    const auto steps_left = state.steps - status_.step + state.steps * (state.epochs - state.epoch - 1);
    status_.seconds_left = step * static_cast<double>(steps_left);
  }
  void write() {
    written_ = Clock::now();
    status_.heartbeat = now();
    try {
      folder_.write_status(status_);
      failing_ = false;
    } catch (const Error& error) {
      if (!std::exchange(failing_, true)) log_warning("{} Training goes on.", error.what());
    }
  }

  MemberFolder folder_;
  MemberStatus& status_;
  TrainingSpeed& speed_;
  std::int64_t samples_before_ = 0, steps_before_ = 0;  // of this epoch, trained by an earlier process
  double trained_ = 0;                                  // seconds from the begin of the epoch to the end of its last batch
  bool failing_ = false;                                // the last status could not be written
  Clock::time_point train_begin_ = Clock::now(), epoch_begin_ = Clock::now(), written_;
};

// keras/src/callbacks/csv_logger.py: epoch, then the logs by name; a line an epoch.
class HistoryWriter : public Callback {
 public:
  HistoryWriter(const MemberFolder& folder, std::string& text) : folder_(folder), text_(text) {}

  void on_epoch_end(FitState& state, Logs& logs) override {
    if (keys_.empty()) {
      for (const auto& [name, value] : logs) keys_.push_back(name);
      std::ranges::sort(keys_);
      text_ = fmt::format("epoch,{}\n", fmt::join(keys_, ","));
    }
    text_ += fmt::format("{}", state.epoch);
    for (const std::string& key : keys_) {
      const auto value = logs.find(key);
      text_ += value ? fmt::format(",{}", *value) : ",NA";
    }
    text_ += "\n";
    try {
      folder_.write_file("history.csv", text_);
      failing_ = false;
    } catch (const Error& error) {
      if (!std::exchange(failing_, true)) log_warning("{} Training goes on.", error.what());
    }
  }

  CallbackState state() const override {
    CallbackState state{.numbers = {}, .texts = {text_}, .tensors = {}};
    state.texts.insert(state.texts.end(), keys_.begin(), keys_.end());
    return state;
  }
  void restore(const CallbackState& state) override {
    if (state.texts.empty()) return;
    text_ = state.texts.front();
    keys_.assign(state.texts.begin() + 1, state.texts.end());
  }

 private:
  MemberFolder folder_;
  std::string& text_;
  std::vector<std::string> keys_;
  bool failing_ = false;  // the last one could not be written
};

class Dispensable : public Callback {
 public:
  Dispensable(CallbackPtr callback, std::string name) : callback_(std::move(callback)), name_(std::move(name)) {}

  void on_train_begin(FitState& state) override {
    attempt([&] { callback_->on_train_begin(state); });
  }
  void on_epoch_begin(FitState& state) override {
    attempt([&] { callback_->on_epoch_begin(state); });
  }
  void on_batch_end(FitState& state, const Logs& logs) override {
    attempt([&] { callback_->on_batch_end(state, logs); });
  }
  void on_epoch_end(FitState& state, Logs& logs) override {
    attempt([&] { callback_->on_epoch_end(state, logs); });
  }
  void on_interrupt(FitState& state) override {
    attempt([&] { callback_->on_interrupt(state); });
  }
  CallbackState state() const override { return callback_->state(); }
  void restore(const CallbackState& state) override {
    attempt([&] { callback_->restore(state); });
  }
  void on_train_end(FitState& state) override {
    attempt([&] { callback_->on_train_end(state); });
  }

 private:
  template <class Call>
  void attempt(Call&& call) {
    if (failed_) return;
    try {
      call();
    } catch (const Error& error) {
      failed_ = true;
      log_warning("{} Training goes on without {}.", error.what(), name_);
    }
  }

  CallbackPtr callback_;
  std::string name_;
  bool failed_ = false;
};

class RollingCheckpoint : public Callback {
 public:
  RollingCheckpoint(const MemberFolder& folder, const CheckpointSpec& spec)
      : member_(folder), folder_(folder.checkpoints()), spec_(spec) {}

  void on_epoch_end(FitState& state, Logs&) override {
    if ((state.epoch + 1) % spec_.every == 0) save(state);
  }
  void on_interrupt(FitState& state) override { save(state); }

 private:
  void save(const FitState& state) try {
    member_.check_run();
    const TrainingState training = state.snapshot();
    write_checkpoint(folder_ / checkpoint_name(training), *state.model, training);
    const std::vector<fs::path> files = list_checkpoints(folder_);
    for (std::size_t i = static_cast<std::size_t>(std::max(spec_.keep, 1)); i < files.size(); ++i) {
      std::error_code code;
      fs::remove(files[i], code);
    }
  } catch (const Error& error) {
    log_warning("no checkpoint after epoch {}: {}", state.epoch + 1, error.what());
  }

  MemberFolder member_;
  fs::path folder_;
  CheckpointSpec spec_;
};

}  // namespace

CallbackPtr make_status_writer(const MemberFolder& folder, MemberStatus& status, TrainingSpeed& speed) {
  return std::make_shared<StatusWriter>(folder, status, speed);
}

CallbackPtr make_history_writer(const MemberFolder& folder, std::string& text) {
  return std::make_shared<HistoryWriter>(folder, text);
}

CallbackPtr make_dispensable(CallbackPtr callback, std::string name) {
  return std::make_shared<Dispensable>(std::move(callback), std::move(name));
}

CallbackPtr make_rolling_checkpoint(const MemberFolder& folder, const CheckpointSpec& spec) {
  return std::make_shared<RollingCheckpoint>(folder, spec);
}

}  // namespace tutti
