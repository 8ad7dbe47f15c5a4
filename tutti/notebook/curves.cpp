#include "tutti/notebook/curves.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tutti/report/charts.h"

namespace tutti {
namespace {

// Of epochs: "loss" and "accuracy", once for training and validation; the loss first.
std::vector<std::string> metrics_of(const History& history) {
  std::vector<std::string> names;
  for (const Logs& logs : history.logs)
    for (const auto& [name, value] : logs) {
      const std::string metric = name.starts_with("val_") ? name.substr(4) : name;
      if (metric != "learning_rate" && std::ranges::find(names, metric) == names.end()) names.push_back(metric);
    }
  std::stable_partition(names.begin(), names.end(), [](const std::string& name) { return name == "loss"; });
  return names;
}

// [epoch]: NaN where there is none.
std::vector<double> by_epoch(const History& history, const std::string& name) {
  std::vector<double> values;
  for (std::size_t i = 0; i < history.logs.size() && i < history.epoch.size(); ++i) {
    const auto epoch = static_cast<std::size_t>(std::max(0, history.epoch[i]));
    values.resize(std::max(values.size(), epoch + 1), std::numeric_limits<double>::quiet_NaN());
    if (const auto value = history.logs[i].find(name)) values[epoch] = *value;
  }
  return values;
}

bool has_values(const std::vector<double>& values) {
  return std::ranges::any_of(values, [](double value) { return !std::isnan(value); });
}

}  // namespace

std::string curves_html(const History& history, int epochs) {
  std::string html;
  for (const std::string& metric : metrics_of(history)) {
    std::vector<Curve> curves;
    if (auto values = by_epoch(history, "val_" + metric); has_values(values))
      curves.push_back({.label = "validation", .y = std::move(values)});
    if (auto values = by_epoch(history, metric); has_values(values))
      curves.push_back({.label = "training", .y = std::move(values), .dashed = true, .color = 1});
    if (curves.empty()) continue;
    html += "<div style=\"display:inline-block;width:34em;max-width:100%\">" +
            svg_plot(metric, curves, static_cast<std::size_t>(std::max(0, epochs))) + "</div>";
  }
  return html;
}

}  // namespace tutti
