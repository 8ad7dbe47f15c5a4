// CSVLogger, TerminateOnNaN, LambdaCallback.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/nn/callbacks.h"

namespace tutti {
namespace {

// keras/src/callbacks/csv_logger.py: epoch, then the logs by name; a line an epoch, flushed.
class CSVLoggerCallback : public Callback {
 public:
  CSVLoggerCallback(std::filesystem::path path, CSVLoggerOptions options) : path_(std::move(path)), options_(options) {}

  void on_train_begin(FitState&) override {
    std::error_code code;
    write_header_ = !options_.append || !std::filesystem::exists(path_, code) || std::filesystem::file_size(path_, code) == 0;
    if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), code);
    file_.open(path_, options_.append ? std::ios::app : std::ios::trunc);
    check();
    keys_.clear();
  }

  void on_epoch_end(FitState& state, Logs& logs) override {
    if (keys_.empty()) {
      for (const auto& [name, value] : logs) keys_.push_back(name);
      std::sort(keys_.begin(), keys_.end());
      if (write_header_) {
        file_ << "epoch";
        for (const std::string& key : keys_) file_ << options_.separator << key;
        file_ << "\n";
      }
    }
    file_ << state.epoch;
    for (const std::string& key : keys_) {
      file_ << options_.separator;
      if (const auto value = logs.find(key))
        file_ << fmt::format("{}", *value);
      else
        file_ << "NA";
    }
    file_ << "\n" << std::flush;
    check();
  }

  void on_train_end(FitState&) override { file_.close(); }

  // The lines of the epochs before, so that none is lost and none is there twice.
  CallbackState state() const override {
    CallbackState state{.numbers = {}, .texts = {read_file(path_)}, .tensors = {}};
    state.texts.insert(state.texts.end(), keys_.begin(), keys_.end());
    return state;
  }
  void restore(const CallbackState& state) override {
    if (state.texts.empty()) return;
    keys_.assign(state.texts.begin() + 1, state.texts.end());
    file_.close();
    file_.open(path_, std::ios::trunc);
    file_ << state.texts.front() << std::flush;
    write_header_ = write_header_ && keys_.empty();
    check();
  }

 private:
  void check() const {
    if (!file_) fail("CSVLogger", "cannot write {}: {}.", path_.string(), std::strerror(errno));
  }

  std::filesystem::path path_;
  CSVLoggerOptions options_;
  std::ofstream file_;
  std::vector<std::string> keys_;
  bool write_header_ = true;
};

class TerminateOnNaNCallback : public Callback {
 public:
  void on_batch_end(FitState& state, const Logs& logs) override {
    const std::optional<double> loss = logs.find("loss");
    if (!loss || std::isfinite(*loss)) return;
    display().text(fmt::format("Batch {}: Invalid loss, terminating training\n", state.step - 1));
    state.stop_training = true;
    state.stop_reason = "NaN loss";
  }
};

class LambdaCallbackCallback : public Callback {
 public:
  explicit LambdaCallbackCallback(LambdaCallbackOptions options) : options_(std::move(options)) {}
  void on_epoch_begin(FitState& state) override {
    if (options_.on_epoch_begin) options_.on_epoch_begin(state);
  }
  void on_batch_end(FitState& state, const Logs& logs) override {
    if (options_.on_batch_end) options_.on_batch_end(state, logs);
  }
  void on_epoch_end(FitState& state, Logs& logs) override {
    if (options_.on_epoch_end) options_.on_epoch_end(state, logs);
  }

 private:
  LambdaCallbackOptions options_;
};

}  // namespace

CallbackPtr CSVLogger(std::filesystem::path path, CSVLoggerOptions options) {
  return std::make_shared<CSVLoggerCallback>(std::move(path), options);
}
CallbackPtr TerminateOnNaN() { return std::make_shared<TerminateOnNaNCallback>(); }
CallbackPtr LambdaCallback(LambdaCallbackOptions options) {
  return std::make_shared<LambdaCallbackCallback>(std::move(options));
}

}  // namespace tutti
