// Named values of a step or an epoch ("loss", "val_accuracy"), in the order in which they were set.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti {

class Logs {
 public:
  Logs() = default;
  Logs(std::initializer_list<std::pair<std::string, double>> values) : values_(values) {}
  std::optional<double> find(std::string_view name) const;
  // Error if absent.
  double at(std::string_view name) const;
  void set(std::string_view name, double value);
  bool empty() const { return values_.empty(); }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }

 private:
  std::vector<std::pair<std::string, double>> values_;
};

// What fit returns: logs[i] are those of epoch[i] (loss, metrics, val_..., learning_rate if a callback set it).
struct History {
  std::vector<int> epoch;
  std::vector<Logs> logs;
  std::string stop_reason;  // empty when all epochs ran; else "early stopping", "NaN loss", "interrupted"
  // The values of one name over the epochs; NaN where absent.
  std::vector<double> values(std::string_view name) const;
};

}  // namespace tutti
