// Data sets and histories.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tutti/data/images.h"
#include "tutti/notebook/curves.h"
#include "tutti/notebook/mime_bundle.h"
#include "tutti/report/pictures.h"

namespace tutti {

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
  MimeBundle bundle = {{"text/plain", text}};
  if (std::string html = curves_html(history); !html.empty()) bundle["text/html"] = std::move(html);
  return bundle;
}

}  // namespace tutti
