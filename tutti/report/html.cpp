#include "tutti/report/html.h"

#include <fmt/format.h>

#include "tutti/report/plots.h"
#include "tutti/report/tables.h"

namespace tutti {
namespace {

constexpr const char* kStyle = R"(
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } .facts { color: #666; margin-top: 0; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: left; white-space: nowrap; }
.number { text-align: right; } tr.ensemble { font-weight: 600; border-top: 2px solid #888; }
.wide { overflow-x: auto; } svg { max-width: 100%; height: auto; } .verdict { font-size: 1.1em; }
)";

std::string members_html(const RunResults& results) {
  std::string rows;
  const auto row = [&](const char* kind, const std::vector<std::string>& cells) {
    rows += fmt::format("<tr class=\"{}\">", kind);
    for (std::size_t i = 0; i < cells.size(); ++i)
      rows += fmt::format("<td{}>{}</td>", i > 0 ? " class=\"number\"" : "", escape_html(cells[i]));
    rows += "</tr>\n";
  };
  const auto scores = [](const Score& score) {
    return std::vector<std::string>{fmt::format("{:.2f} %", 100 * score.accuracy),
                                    fmt::format("{:.2f}–{:.2f} %", 100 * score.interval.low, 100 * score.interval.high),
                                    fmt::format("{:.4f}", score.log_loss), fmt::format("{:.4f}", score.brier)};
  };
  for (const MemberOutcome& member : results.members) {
    std::vector<std::string> cells = {member.result.name,
                                      std::to_string(member.result.epochs),
                                      fmt::format("{:.0f}", member.result.images_per_second),
                                      fmt::format("{:.0f} MiB", static_cast<double>(member.result.peak_memory) / (1 << 20)),
                                      fmt::format("{:.2f} %", 100 * member.result.validation.accuracy),
                                      fmt::format("{:.3f}", member.weight)};
    for (const std::string& cell : scores(member.score)) cells.push_back(cell);
    row("member", cells);
  }
  std::vector<std::string> cells = {"ensemble", "", "", "", "", "1.000"};
  for (const std::string& cell : scores(results.score)) cells.push_back(cell);
  row("ensemble", cells);
  std::string header;
  for (const char* name : {"member", "epochs", "images/s", "memory", "val accuracy", "weight", "test accuracy", "95 % interval",
                           "log loss", "Brier"})
    header += fmt::format("<th>{}</th>", name);
  return fmt::format("<div class=\"wide\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n", header,
                     rows);
}

std::string environment_html(const RunResults& results) {
  Table table({"", ""});
  for (const auto& [name, value] : results.environment) table.add({name, value});
  return table.html();
}

}  // namespace

std::string report_html(const RunResults& results) {
  const std::string title = escape_html(results.experiment);
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<style>{}</style></head><body>\n<h1>{}</h1>\n",
      title, kStyle, title);
  html += fmt::format("<p class=\"facts\">run {} · model {} · data {} · weights by {}</p>\n", escape_html(results.run),
                      escape_html(results.model), escape_html(results.data), escape_html(results.weights));
  html += fmt::format("<p class=\"verdict\">{}</p>\n", escape_html(verdict(results)));
  if (!results.members.empty()) {
    html += "<h2>Members and ensemble</h2>\n" + members_html(results);
    html += fmt::format(
        "<p>Weights come from the validation split ({} images); the other scores from the test split ({} images)."
        "</p>\n<h2>Curves</h2>\n",
        results.members.front().result.validation.samples, results.score.samples);
    for (const char* metric : {"loss", "accuracy"})
      if (const std::vector<Curve> curves = curves_of(results, metric); !curves.empty()) html += svg_plot(metric, curves);
  }
  html += "<h2>Environment</h2>\n" + environment_html(results);
  return html + "</body></html>\n";
}

}  // namespace tutti
