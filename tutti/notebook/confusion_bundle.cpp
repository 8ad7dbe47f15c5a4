// A confusion matrix.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tutti/base/html.h"
#include "tutti/notebook/html_table.h"
#include "tutti/notebook/mime_bundle.h"
#include "tutti/report/html_classes.h"
#include "tutti/report/tables.h"

namespace tutti {
namespace {

constexpr std::size_t kMostConfusions = 20;

std::string percent(double share) { return std::isfinite(share) ? fmt::format("{:.1f} %", 100 * share) : ""; }

std::string head_of(const ConfusionMatrix& matrix) {
  return fmt::format("Confusion matrix of {} samples in {} classes{}", matrix.samples(), matrix.classes(),
                     matrix.samples() > 0 ? fmt::format(", accuracy {:.2f} %", 100 * matrix.accuracy()) : "");
}

// Each true class in a row, each predicted one in a column.
MimeBundle whole(const ConfusionMatrix& matrix) {
  constexpr const char* kCorner = "true \\ predicted";
  HtmlTable html{.header = {kCorner}, .rows = matrix.class_names, .cells = {}};
  html.header.insert(html.header.end(), matrix.class_names.begin(), matrix.class_names.end());
  std::vector<std::string> header = html.header;
  header.push_back("recall");
  Table text(header);
  for (std::size_t i = 0; i < matrix.classes(); ++i) {
    std::vector<HtmlCell>& cells = html.cells.emplace_back();
    std::vector<std::string> row = {matrix.class_names[i]};
    for (std::size_t j = 0; j < matrix.classes(); ++j) {
      const std::int64_t count = matrix.counts[i][j];
      row.push_back(std::to_string(count));
      // Of the class. Few confusions are to be seen too: their root.
      const double share = count > 0 ? static_cast<double>(count) / static_cast<double>(matrix.samples_of(i)) : 0;
      cells.push_back(i == j ? HtmlCell{row.back(), percent(matrix.recall(i)), 'r', share}
                             : HtmlCell{row.back(), "", 'w', std::sqrt(share)});
    }
    row.push_back(percent(matrix.recall(i)));
    text.add(row);
  }
  return {{"text/plain", head_of(matrix) + "\n" + text.text()},
          {"text/html", "<div>" + escape_html(head_of(matrix)) + "; recall on the diagonal</div>" + html_table(html)}};
}

MimeBundle largest(const ConfusionMatrix& matrix) {
  HtmlTable html{.header = {"true class", "predicted as", "samples", "of the class"}, .rows = {}, .cells = {}};
  Table text(html.header);
  for (const Confusion& entry : largest_confusions(matrix, kMostConfusions)) {
    const std::string& truth = matrix.class_names[static_cast<std::size_t>(entry.truth)];
    const std::string& predicted = matrix.class_names[static_cast<std::size_t>(entry.predicted)];
    const double share = static_cast<double>(entry.samples) / static_cast<double>(entry.of);
    text.add({truth, predicted, std::to_string(entry.samples), percent(share)});
    html.rows.push_back(truth);
    html.cells.push_back({{predicted}, {std::to_string(entry.samples)}, {percent(share), "", 'w', share}});
  }
  const std::string head =
      head_of(matrix) + (html.rows.empty() ? "; none is taken for another" : "; the most frequent confusions");
  if (html.rows.empty()) return {{"text/plain", head}};
  return {{"text/plain", head + "\n" + text.text()}, {"text/html", "<div>" + escape_html(head) + "</div>" + html_table(html)}};
}

}  // namespace

MimeBundle mime_bundle(const ConfusionMatrix& matrix) {
  MimeBundle bundle = static_cast<std::int64_t>(matrix.classes()) > kMatrixClasses ? largest(matrix) : whole(matrix);
  std::string& text = bundle["text/plain"];
  if (text.ends_with('\n')) text.pop_back();
  return bundle;
}

}  // namespace tutti
