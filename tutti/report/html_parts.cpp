#include "tutti/report/html_parts.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tutti/report/tables.h"

namespace tutti {

std::string percent_text(double share, int digits) { return number_text(100 * share, digits); }

std::string number_text(double value, int digits) { return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "–"; }

std::string section(const std::string& id, const std::string& title, const std::string& body) {
  return fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", id, escape_html(title), body);
}

std::string note(const std::string& text) { return fmt::format("<p class=\"note\">{}</p>\n", escape_html(text)); }

std::string scrolling(const std::string& html, bool tall) {
  return fmt::format("<div class=\"scroll{}\" tabindex=\"0\">{}</div>\n", tall ? " tall" : "", html);
}

std::string details(const std::string& summary, const std::string& html) {
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", escape_html(summary), html);
}

std::string matrix_html(const Matrix& matrix) {
  const std::size_t letters = matrix.columns.empty() ? 0 : std::ranges::max(matrix.columns, {}, &std::string::size).size();
  const bool upright = letters > 12 || (matrix.columns.size() > 6 && letters > 5);
  std::string html =
      fmt::format("<table class=\"matrix{}\">\n<thead><tr><th>{}</th>", upright ? " upright" : "", escape_html(matrix.corner));
  for (const std::string& column : matrix.columns) html += fmt::format("<th><span>{}</span></th>", escape_html(column));
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t i = 0; i < matrix.rows.size(); ++i) {
    html += fmt::format("<tr><th>{}</th>", escape_html(matrix.rows[i]));
    for (const MatrixCell& cell : matrix.cells[i]) {
      const std::string css = cell.css.empty() ? "" : fmt::format(" class=\"{}\"", cell.css);
      const std::string bar = cell.bar < 0 ? "" : fmt::format(" style=\"--bar:{}%\"", cell.bar);
      html += fmt::format("<td{}{}>{}</td>", css, bar, escape_html(cell.text));
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table>\n";
}

std::string shade(char kind, double share) {
  if (!(share > 0)) return "";
  return fmt::format("{}{}", kind, std::clamp(static_cast<int>(std::ceil(9 * share)), 1, 9));
}

std::vector<std::string> member_columns(const RunResults& results) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < results.members.size(); ++i)
    names.push_back(results.members.size() > kFewMembers ? std::to_string(i + 1) : results.members[i].result.name);
  return names;
}

}  // namespace tutti
