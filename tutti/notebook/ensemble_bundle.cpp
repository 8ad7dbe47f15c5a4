// Ensembles and what is known of how good they are.
#include <fmt/format.h>

#include "tutti/base/html.h"
#include "tutti/notebook/html_table.h"
#include "tutti/notebook/mime_bundle.h"
#include "tutti/report/results.h"
#include "tutti/report/tables.h"

namespace tutti {
namespace {

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }
std::string interval(const Interval& value) { return fmt::format("{:.2f}–{:.2f} %", 100 * value.low, 100 * value.high); }

// The same table as text and as HTML, below lines of text.
MimeBundle bundle_of_table(const HtmlTable& table, const std::string& head) {
  Table text(table.header);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (table.last_is_total && i + 1 == table.rows.size()) text.rule();
    std::vector<std::string> row = {table.rows[i]};
    for (const HtmlCell& cell : table.cells[i]) row.push_back(cell.text);
    text.add(row);
  }
  std::string lines = text.text();
  if (lines.ends_with('\n')) lines.pop_back();
  return {{"text/plain", head.empty() ? lines : head + "\n" + lines},
          {"text/html", (head.empty() ? "" : "<div>" + escape_html(head) + "</div>") + html_table(table)}};
}

std::vector<HtmlCell> score_cells(const Score& score) {
  return {{percent(score.accuracy)},
          {interval(score.interval)},
          {fmt::format("{:.4f}", score.log_loss)},
          {fmt::format("{:.4f}", score.brier)},
          {percent(score.calibration_error)}};
}

}  // namespace

MimeBundle mime_bundle(const RunResults& results) {
  HtmlTable table{.header = {"member", "val accuracy", "weight", "test accuracy", "95 % interval", "log loss", "Brier", "ECE"},
                  .rows = {},
                  .cells = {},
                  .last_is_total = true};
  const auto add = [&](const std::string& name, std::vector<HtmlCell> first, const Score& score) {
    table.rows.push_back(name);
    for (HtmlCell& cell : score_cells(score)) first.push_back(std::move(cell));
    table.cells.push_back(std::move(first));
  };
  for (const MemberOutcome& member : results.members)
    add(member.result.name,
        {{percent(member.result.validation.accuracy)}, {fmt::format("{:.3f}", member.weight), "", 'r', member.weight}},
        member.score);
  const std::string head = fmt::format("{}/{}: {}", results.experiment, results.run, verdict(results));
  if (results.members.empty()) return {{"text/plain", head}};
  add("ensemble", {{""}, {"1.000"}}, results.score);
  return bundle_of_table(table, head);
}

MimeBundle mime_bundle(const Ensemble& ensemble) {
  HtmlTable table{.header = {"member", "weight", "temperature"}, .rows = {}, .cells = {}};
  for (std::size_t i = 0; i < ensemble.weights.size(); ++i) {
    table.rows.push_back(std::to_string(i));
    const double temperature = i < ensemble.temperatures.size() ? ensemble.temperatures[i] : 1.0;
    table.cells.push_back(
        {{fmt::format("{:.4f}", ensemble.weights[i]), "", 'r', ensemble.weights[i]}, {fmt::format("{:.3f}", temperature)}});
  }
  std::string head = fmt::format("Ensemble of {} members", ensemble.weights.size());
  if (ensemble.temperature != 1.0) head += fmt::format(", temperature of the whole {:.3f}", ensemble.temperature);
  return ensemble.weights.empty() ? MimeBundle{{"text/plain", head}} : bundle_of_table(table, head);
}

MimeBundle mime_bundle(const Score& score) {
  const HtmlTable table{.header = {"samples", "accuracy", "95 % interval", "log loss", "Brier", "ECE"},
                        .rows = {std::to_string(score.samples)},
                        .cells = {score_cells(score)}};
  return bundle_of_table(table, "");
}

MimeBundle mime_bundle(const McNemar& test) {
  return {{"text/plain",
           fmt::format("{}: {} ({} right only in the first, {} only in the second)", test.text(),
                       test.more_than_chance() ? "more than chance" : "may be chance", test.only_first, test.only_second)}};
}

MimeBundle mime_bundle(const Diversity& diversity) {
  HtmlTable table{.header = {""}, .rows = {}, .cells = {}};
  const std::size_t members = diversity.disagreement.size();
  for (std::size_t i = 0; i < members; ++i) {
    table.header.push_back(std::to_string(i));
    table.rows.push_back(std::to_string(i));
    std::vector<HtmlCell>& cells = table.cells.emplace_back();
    for (std::size_t j = 0; j < members; ++j) {
      const bool above = j > i;
      const double share = above ? diversity.disagreement[i][j] : diversity.double_fault[i][j];
      cells.push_back({percent(share), "", above ? 'r' : 'w', share});
    }
  }
  return bundle_of_table(table,
                         "Diversity: above the diagonal how often one of two members is right and the other wrong, "
                         "below it how often both are wrong, on it how often one is");
}

}  // namespace tutti
