#include "tutti/notebook/html_table.h"

#include <algorithm>

#include <fmt/format.h>

#include "tutti/base/html.h"

namespace tutti {
namespace {

constexpr const char* kHead =
    "padding:3px 8px;border:0;border-bottom:1px solid rgba(128,128,128,.6);font-weight:bold;background:transparent;";
constexpr const char* kCell = "padding:3px 8px;border:0;text-align:right;white-space:nowrap;";

// Okabe and Ito's blue and orange, through which black and white letters can be read.
std::string background(const HtmlCell& cell) {
  constexpr double kStrongest = 0.5;
  const double alpha = kStrongest * std::clamp(cell.share, 0.0, 1.0);
  if (cell.shade == 'r' && alpha > 0) return fmt::format("background:rgba(0,114,178,{:.3f});", alpha);
  if (cell.shade == 'w' && alpha > 0) return fmt::format("background:rgba(213,94,0,{:.3f});", alpha);
  return "background:transparent;";
}

std::string cell_html(const HtmlCell& cell, const std::string& style) {
  std::string html = fmt::format("<td style=\"{}{}{}\">{}", kCell, background(cell), style, escape_html(cell.text));
  if (!cell.small.empty()) html += "<br><span style=\"font-size:80%;opacity:.8\">" + escape_html(cell.small) + "</span>";
  return html + "</td>";
}

}  // namespace

std::string html_table(const HtmlTable& table) {
  std::string html =
      "<div style=\"overflow-x:auto\"><table "
      "style=\"border-collapse:collapse;border:0;color:inherit;font-size:inherit;margin:.3em "
      "0\"><thead><tr>";
  for (std::size_t i = 0; i < table.header.size(); ++i)
    html +=
        fmt::format("<th style=\"{}text-align:{}\">{}</th>", kHead, i == 0 ? "left" : "right", escape_html(table.header[i]));
  html += "</tr></thead><tbody>\n";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const bool total = table.last_is_total && i + 1 == table.rows.size();
    const std::string style = total ? "border-top:1px solid rgba(128,128,128,.6);font-weight:bold;" : "";
    html += fmt::format(
        "<tr style=\"background:transparent\"><th style=\"padding:3px 8px;border:0;text-align:left;font-weight:{};{}\">{}</th>",
        total ? "bold" : "normal", style, escape_html(table.rows[i]));
    for (const HtmlCell& cell : table.cells[i]) html += cell_html(cell, style);
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>";
}

}  // namespace tutti
