#include "tutti/report/html_members.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "tutti/report/charts.h"
#include "tutti/report/html_parts.h"
#include "tutti/report/plots.h"
#include "tutti/report/tables.h"

namespace tutti {
namespace {

// A column of the members' table: a cell for each member and one for the ensemble.
struct Column {
  std::string name;
  std::vector<std::string> cells;
  std::string ensemble;
  bool numeric = true;
  std::size_t best = SIZE_MAX;  // the member whose value is the best; the ensemble's if past the members
};

std::string value_of(const MemberResult& result, const std::string& key) {
  for (const auto& [name, value] : result.values)
    if (name == key) return value;
  return "";
}

// What tells members apart: engine, seed and the values of the spec's lists, where they vary.
std::vector<Column> varying_columns(const RunResults& results) {
  std::vector<Column> candidates = {{.name = "engine", .numeric = false}, {.name = "seed"}};
  for (const auto& [key, value] : results.members.front().result.values)
    if (key != "engine" && key != "seed") candidates.push_back({.name = key, .numeric = false});
  std::vector<Column> columns;
  for (Column& column : candidates) {
    for (const MemberOutcome& member : results.members)
      column.cells.push_back(column.name == "engine" ? member.result.engine
                             : column.name == "seed" ? std::to_string(member.result.seed)
                                                     : value_of(member.result, column.name));
    if (std::ranges::adjacent_find(column.cells, std::not_equal_to<>()) != column.cells.end())
      columns.push_back(std::move(column));
  }
  return columns;
}

using Text = std::string (*)(const MemberOutcome&);

Column column_of(const RunResults& results, std::string name, Text text, std::string ensemble = "") {
  Column column{.name = std::move(name), .ensemble = std::move(ensemble)};
  for (const MemberOutcome& member : results.members) column.cells.push_back(text(member));
  return column;
}

// `value` of each score, and which is the best: the largest times `sign`.
Column score_column(const RunResults& results, std::string name, double (*value)(const Score&), std::string (*text)(double),
                    double sign) {
  Column column{.name = std::move(name), .ensemble = text(value(results.score))};
  double best = sign * value(results.score);
  column.best = results.members.size();
  for (std::size_t i = 0; i < results.members.size(); ++i) {
    const double here = value(results.members[i].score);
    column.cells.push_back(text(here));
    if (sign * here > best) {
      best = sign * here;
      column.best = i;
    }
  }
  if (results.members.size() < 2) column.best = SIZE_MAX;
  return column;
}

std::string interval_text(const Score& score) {
  return percent_text(score.interval.low) + "–" + percent_text(score.interval.high);
}

bool is_calibrated(const RunResults& results) {
  return results.combination.temperature != 1.0 ||
         std::ranges::any_of(results.members, [](const MemberOutcome& m) { return m.temperature != 1.0; });
}

std::vector<Column> columns_of(const RunResults& results) {
  std::vector<Column> columns = varying_columns(results);
  const auto percent = [](double share) { return percent_text(share); };
  const auto number = [](double value) { return number_text(value); };
  columns.push_back(score_column(
      results, "test %", [](const Score& s) { return s.accuracy; }, percent, 1));
  columns.push_back(column_of(
      results, "95 % interval", [](const MemberOutcome& m) { return interval_text(m.score); }, interval_text(results.score)));
  columns.push_back(score_column(
      results, "log loss", [](const Score& s) { return s.log_loss; }, number, -1));
  columns.push_back(score_column(
      results, "Brier", [](const Score& s) { return s.brier; }, number, -1));
  columns.push_back(score_column(
      results, "ECE %", [](const Score& s) { return s.calibration_error; }, percent, -1));
  columns.push_back(
      column_of(results, "validation %", [](const MemberOutcome& m) { return percent_text(m.result.validation.accuracy); }));
  columns.push_back(column_of(
      results, "weight", [](const MemberOutcome& m) { return number_text(m.weight, 3); }, "1.000"));
  if (is_calibrated(results))
    columns.push_back(column_of(
        results, "temperature", [](const MemberOutcome& m) { return number_text(m.temperature, 3); },
        number_text(results.combination.temperature, 3)));
  columns.push_back(column_of(results, "epochs", [](const MemberOutcome& m) { return std::to_string(m.result.epochs); }));
  columns.push_back(
      column_of(results, "images/s", [](const MemberOutcome& m) { return number_text(m.result.images_per_second, 0); }));
  columns.push_back(column_of(results, "memory MiB", [](const MemberOutcome& m) {
    return number_text(static_cast<double>(m.result.peak_memory) / (1 << 20), 0);
  }));
  return columns;
}

std::string members_html(const RunResults& results) {
  const std::vector<Column> columns = columns_of(results);
  const bool numbered = results.members.size() > kFewMembers;
  std::string html = "<table class=\"members\">\n<thead><tr><th>member</th>";
  for (const Column& column : columns)
    html += fmt::format("<th{}>{}</th>", column.numeric ? " class=\"number\"" : "", escape_html(column.name));
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t i = 0; i <= results.members.size(); ++i) {
    const bool whole = i == results.members.size();
    const std::string name = whole ? "ensemble" : escape_html(results.members[i].result.name);
    const std::string number = numbered && !whole ? fmt::format("<span class=\"index\">{}</span> ", i + 1) : "";
    html += fmt::format("<tr{}><th>{}{}</th>", whole ? " class=\"ensemble\"" : "", number, name);
    for (const Column& column : columns)
      html += fmt::format("<td class=\"{}{}\">{}</td>", column.numeric ? "number" : "", column.best == i ? " best" : "",
                          escape_html(whole ? column.ensemble : column.cells[i]));
    html += "</tr>\n";
  }
  return html + "</tbody></table>";
}

std::string missing_html(const RunResults& results) {
  std::string html = "<h3>Not in the ensemble</h3>\n<ul class=\"missing\">\n";
  for (const MemberFailure& member : results.missing) {
    html += fmt::format("<li><b>{}</b> {}", escape_html(member.name), escape_html(std::string(name_of(member.status.state))));
    if (member.status.epochs > 0) html += fmt::format(" after {} of {} epochs", member.status.epoch, member.status.epochs);
    if (!member.status.error.empty())
      html += fmt::format(": <span class=\"error\">{}</span>", escape_html(member.status.error));
    html += "</li>\n";
  }
  return html + "</ul>\n";
}

// Curves for a page: of many members only the validation, and a colour an engine instead of a member.
struct PageCurves {
  std::vector<Curve> curves;
  std::vector<std::pair<std::string, int>> legend;
};

PageCurves page_curves(const RunResults& results, const std::string& metric) {
  PageCurves page{.curves = curves_of(results, metric)};
  std::erase_if(page.curves,
                [](const Curve& curve) { return std::ranges::none_of(curve.y, [](double y) { return std::isfinite(y); }); });
  if (results.members.size() <= kFewMembers) {
    for (std::size_t i = 0; i < results.members.size(); ++i)
      page.legend.emplace_back(results.members[i].result.name, static_cast<int>(i));
    return page;
  }
  std::erase_if(page.curves, [](const Curve& curve) { return curve.dashed; });
  std::map<std::string, int> engines;
  for (const MemberOutcome& member : results.members)
    if (engines.emplace(member.result.engine, static_cast<int>(page.legend.size())).second)
      page.legend.emplace_back(member.result.engine, static_cast<int>(page.legend.size()));
  for (Curve& curve : page.curves)
    curve.color = engines.at(results.members[static_cast<std::size_t>(curve.color)].result.engine);
  return page;
}

std::string legend_html(const std::vector<std::pair<std::string, int>>& legend) {
  std::string html = "<ul class=\"legend\">";
  for (const auto& [name, color] : legend)
    html += fmt::format("<li><i class=\"c{}\"></i>{}</li>", color % kColors, escape_html(name));
  return html + "</ul>\n";
}

std::string pairs_html(const RunResults& results, const std::vector<std::vector<double>>& values, bool diagonal) {
  double most = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t j = 0; j < values.size(); ++j)
      if (i != j || diagonal) most = std::max(most, values[i][j]);
  Matrix matrix{.corner = "%", .columns = member_columns(results)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string number = results.members.size() > kFewMembers ? std::to_string(i + 1) + " " : "";
    matrix.rows.push_back(number + results.members[i].result.name);
    std::vector<MatrixCell>& row = matrix.cells.emplace_back();
    for (std::size_t j = 0; j < values.size(); ++j)
      row.push_back(i == j && !diagonal
                        ? MatrixCell{}
                        : MatrixCell{percent_text(values[i][j], 1), shade(diagonal ? 'w' : 'r', 0.7 * values[i][j] / most)});
  }
  return scrolling(matrix_html(matrix), values.size() > kTallRows);
}

}  // namespace

std::string members_section(const RunResults& results) {
  std::string body;
  if (!results.members.empty()) {
    body += scrolling(members_html(results), results.members.size() > kTallRows);
    body += note(fmt::format(
        "Weights{} come from the validation split ({} images), all other scores from the test split ({} images). The interval "
        "is Wilson's; ECE is the expected calibration error. The best of each score is bold.",
        is_calibrated(results) ? " and temperatures" : "", results.members.front().result.validation.samples,
        results.score.samples));
  }
  if (!results.missing.empty()) body += missing_html(results);
  return section("members", "Members and ensemble", body);
}

std::string accuracies_section(const RunResults& results) {
  std::vector<Interval> intervals = {results.score.interval};
  for (const MemberOutcome& member : results.members) intervals.push_back(member.score.interval);
  const AccuracyAxis axis = accuracy_axis(intervals);
  std::vector<std::size_t> order(results.members.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return results.members[a].score.accuracy > results.members[b].score.accuracy;
  });
  std::string html = "<table class=\"dotplot\"><tbody>\n";
  const auto row = [&](const std::string& name, const Score& score, bool whole) {
    html += fmt::format("<tr{}><th>{}</th><td>{}</td><td class=\"number\">{} %</td></tr>\n", whole ? " class=\"ensemble\"" : "",
                        escape_html(name), svg_dot(axis, score, results.score.accuracy, whole), percent_text(score.accuracy));
  };
  row("ensemble", results.score, true);
  for (const std::size_t i : order) row(results.members[i].result.name, results.members[i].score, false);
  html += fmt::format("</tbody>\n<tfoot><tr><th></th><td>{}</td><td></td></tr></tfoot></table>\n", svg_ticks(axis));
  return section("accuracies", "Test accuracies",
                 note("Each with its 95 % interval; the dashed line is the ensemble's accuracy.") +
                     scrolling(html, results.members.size() > kTallRows));
}

std::string curves_section(const RunResults& results) {
  std::string figures;
  std::vector<std::pair<std::string, int>> legend;
  for (const char* metric : {"loss", "accuracy"}) {
    PageCurves page = page_curves(results, metric);
    if (page.curves.empty()) continue;
    figures += fmt::format("<figure><figcaption>{}</figcaption>{}</figure>\n", metric, svg_curves(page.curves));
    legend = std::move(page.legend);
  }
  if (figures.empty()) return "";
  const bool few = results.members.size() <= kFewMembers;
  return section("curves", "Curves",
                 note(few ? "Full lines: validation. Dashed: training." : "Validation; each engine has its colour.") +
                     legend_html(legend) + fmt::format("<div class=\"figures{}\">\n", few ? "" : " many") + figures +
                     "</div>\n");
}

std::string diversity_section(const RunResults& results) {
  if (results.members.size() < 2) return "";
  const Diversity pairs = diversity_of(results);
  std::string body = note(
      "An ensemble gains from members that are wrong on different images. Disagreement: the share of test images where one of "
      "two members is right and the other wrong. Both wrong: where neither is right; on the diagonal a member's own error.");
  body += fmt::format(
      "<div class=\"pairs\"><figure><figcaption>disagreement</figcaption>{}</figure>"
      "<figure><figcaption>both wrong</figcaption>{}</figure></div>\n",
      pairs_html(results, pairs.disagreement, false), pairs_html(results, pairs.double_fault, true));
  return section("diversity", "How alike the members are", body);
}

}  // namespace tutti
