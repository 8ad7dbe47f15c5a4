#include "tutti/nn/callbacks/monitor.h"

#include <cmath>

#include "tutti/base/error.h"
#include "tutti/base/log.h"
#include "tutti/nn/model.h"

namespace tutti {

std::optional<double> CallbackState::number(const std::string& name) const {
  const auto found = numbers.find(name);
  return found == numbers.end() ? std::nullopt : std::optional(found->second);
}

Monitor::Monitor(std::string callback, std::string name, const std::string& mode, double min_delta)
    : callback_(std::move(callback)), name_(std::move(name)), min_delta_(std::abs(min_delta)) {
  if (mode == "min" || mode == "max")
    maximize_ = mode == "max";
  else if (mode != "auto")  // as Keras does
    log_warning("{}: mode must be auto, min or max, got {}; taking auto", callback_, mode);
}

void Monitor::resolve(const FitState& state) {
  const std::string metric = name_.starts_with("val_") ? name_.substr(4) : name_;
  if (metric == "loss") {
    maximize_ = false;
    return;
  }
  if (state.model && state.model->is_compiled())
    for (const std::string& compiled : state.model->compiled().metrics) {
      const MetricPtr candidate = make_metric(compiled, *state.model->compiled().loss);
      if (candidate->name() != metric) continue;
      maximize_ = candidate->maximize();
      return;
    }
  fail(callback_, "cannot tell whether {} is better when larger or smaller: set .mode to min or max.", name_);
}

std::optional<double> Monitor::value(const FitState& state, const Logs& logs) {
  if (!maximize_) resolve(state);
  const std::optional<double> value = logs.find(name_);
  if (!value && !warned_) {
    warned_ = true;
    log_warning("{} monitors {}, which is not there; it does nothing. Did you give fit() validation data?", callback_, name_);
  }
  return value;
}

bool Monitor::improves(double current, std::optional<double> best) const {
  if (std::isnan(current)) return false;
  if (!best || std::isnan(*best)) return true;
  return *maximize_ ? current - min_delta_ > *best : current + min_delta_ < *best;
}

std::string format_path(const std::string& pattern, int epoch, const Logs& logs) {
  std::string path;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if ((c == '{' || c == '}') && at + 1 < pattern.size() && pattern[at + 1] == c) {
      path += c;
      ++at;
      continue;
    }
    if (c != '{') {
      path += c;
      continue;
    }
    const std::size_t end = pattern.find('}', at);
    if (end == std::string::npos) fail("filepath", "a {{ is not closed in {}.", pattern);
    const std::string field = pattern.substr(at + 1, end - at - 1);
    const std::size_t colon = field.find(':');
    const std::string name = field.substr(0, colon);
    const std::string spec = colon == std::string::npos ? "{}" : "{:" + field.substr(colon + 1) + "}";
    try {
      if (name == "epoch") {
        path += fmt::format(fmt::runtime(spec), epoch);
      } else if (const auto value = logs.find(name)) {
        path += fmt::format(fmt::runtime(spec), *value);
      } else {
        fail("filepath", "there is no value named {} for {}.", name, pattern);
      }
    } catch (const fmt::format_error& error) {
      fail("filepath", "bad format {} in {}: {}.", spec, pattern, error.what());
    }
    at = end;
  }
  return path;
}

}  // namespace tutti
