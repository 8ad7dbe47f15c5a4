// Data sets and histories.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tutti/data/images.h"
#include "tutti/notebook/mime_bundle.h"
#include "tutti/report/charts.h"
#include "tutti/report/pictures.h"

namespace tutti {
namespace {

// Of epochs: "loss" and "accuracy", once for training and validation.
std::vector<std::string> metrics_of(const History& history) {
  std::vector<std::string> names;
  for (const Logs& logs : history.logs)
    for (const auto& [name, value] : logs) {
      const std::string metric = name.starts_with("val_") ? name.substr(4) : name;
      if (metric != "learning_rate" && std::ranges::find(names, metric) == names.end()) names.push_back(metric);
    }
  return names;
}

bool has_values(const std::vector<double>& values) {
  return std::ranges::any_of(values, [](double value) { return !std::isnan(value); });
}

}  // namespace

MimeBundle mime_bundle(const Dataset& data) {
  std::string text =
      fmt::format("Dataset of {} samples {} {}", data.size(), to_string(data.sample_shape()), name_of(data.dtype()));
  if (data.has_labels()) text += fmt::format(", {} classes", data.classes());
  if (!data.class_names().empty()) {
    constexpr std::size_t kNames = 20;
    const auto& names = data.class_names();
    text += fmt::format(
        ": {}{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(kNames, names.size())), ", "),
        names.size() > kNames ? ", ..." : "");
  }
  MimeBundle bundle = {{"text/plain", text}};
  if (has_images(data)) bundle["image/png"] = encode_png(contact_sheet(data));
  return bundle;
}

MimeBundle mime_bundle(const History& history) {
  std::string text = fmt::format("History of {} epochs", history.epoch.size());
  if (!history.stop_reason.empty()) text += ", ended by " + history.stop_reason;
  if (!history.logs.empty()) {
    text += "\nlast:";
    for (const auto& [name, value] : history.logs.back()) text += fmt::format(" {} {:.4g}", name, value);
  }
  std::string html;
  for (const std::string& metric : metrics_of(history)) {
    std::vector<Curve> curves;
    if (auto values = history.values("val_" + metric); has_values(values))
      curves.push_back({.label = "validation", .y = std::move(values)});
    if (auto values = history.values(metric); has_values(values))
      curves.push_back({.label = "training", .y = std::move(values), .dashed = true});
    // In pictures of their own: what one page holds twice would share its style sheet.
    html += "<div style=\"display:inline-block;width:26em;max-width:100%\">" + svg_plot(metric, curves) + "</div>";
  }
  MimeBundle bundle = {{"text/plain", text}};
  if (!html.empty()) bundle["text/html"] = html;
  return bundle;
}

}  // namespace tutti
