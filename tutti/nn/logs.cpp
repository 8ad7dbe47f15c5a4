#include "tutti/nn/logs.h"

#include <algorithm>
#include <limits>

#include "tutti/base/error.h"

namespace tutti {

std::optional<double> Logs::find(std::string_view name) const {
  const auto found = std::ranges::find(values_, name, &std::pair<std::string, double>::first);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

double Logs::at(std::string_view name) const {
  if (const auto value = find(name)) return *value;
  std::string known;
  for (const auto& [key, value] : values_) known += (known.empty() ? "" : ", ") + key;
  fail("Logs", "there is no value named {}. There are: {}.", name, known);
}

void Logs::set(std::string_view name, double value) {
  const auto found = std::ranges::find(values_, name, &std::pair<std::string, double>::first);
  if (found == values_.end())
    values_.emplace_back(name, value);
  else
    found->second = value;
}

std::vector<double> History::values(std::string_view name) const {
  std::vector<double> values;
  for (const Logs& epoch_logs : logs)
    values.push_back(epoch_logs.find(name).value_or(std::numeric_limits<double>::quiet_NaN()));
  return values;
}

}  // namespace tutti
