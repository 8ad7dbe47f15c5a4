#include "tutti/report/html_classes.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tutti/nn/confusion_matrix.h"
#include "tutti/report/charts.h"
#include "tutti/report/html_parts.h"
#include "tutti/report/tables.h"

namespace tutti {
namespace {

ConfusionMatrix confusions_of(const RunResults& results, const Tensor& probabilities) {
  return confusion_matrix(results.labels, probabilities, probabilities.shape()[1]);
}

Matrix confusion_table(const RunResults& results, const ConfusionMatrix& confusions) {
  const auto& counts = confusions.counts;
  Matrix matrix{.corner = "true \\ predicted"};
  std::int64_t most_wrong = 1;
  for (std::size_t i = 0; i < counts.size(); ++i)
    for (std::size_t j = 0; j < counts.size(); ++j)
      if (i != j) most_wrong = std::max(most_wrong, counts[i][j]);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    matrix.rows.push_back(class_name(results, static_cast<std::int64_t>(i)));
    matrix.columns.push_back(matrix.rows.back());
    const auto total = static_cast<double>(std::max<std::int64_t>(1, confusions.samples_of(i)));
    std::vector<MatrixCell>& row = matrix.cells.emplace_back();
    for (std::size_t j = 0; j < counts.size(); ++j) {
      const auto count = static_cast<double>(counts[i][j]);
      const double share = i == j ? count / total : count / static_cast<double>(most_wrong);
      row.push_back({counts[i][j] == 0 ? "" : std::to_string(counts[i][j]), shade(i == j ? 'r' : 'w', share)});
    }
  }
  return matrix;
}

std::string confusions_list(const RunResults& results, const ConfusionMatrix& confusions) {
  const std::vector<Confusion> entries = largest_confusions(confusions, 20);
  if (entries.empty()) return note("No image is taken for another class.");
  std::string html =
      "<table class=\"list\"><thead><tr><th>true class</th><th>predicted as</th><th class=\"number\">images</th>"
      "<th class=\"number\">of the class</th></tr></thead>\n<tbody>\n";
  for (const Confusion& entry : entries)
    html += fmt::format("<tr><td>{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{} %</td></tr>\n",
                        escape_html(class_name(results, entry.truth)), escape_html(class_name(results, entry.predicted)),
                        entry.samples, percent_text(static_cast<double>(entry.samples) / static_cast<double>(entry.of), 1));
  return html + "</tbody></table>";
}

std::string confusion_html(const RunResults& results, const Tensor& probabilities) {
  const ConfusionMatrix confusions = confusions_of(results, probabilities);
  if (static_cast<std::int64_t>(confusions.classes()) > kMatrixClasses) return scrolling(confusions_list(results, confusions));
  return scrolling(matrix_html(confusion_table(results, confusions)));
}

// The share of each class that is right; NaN if it has no samples.
std::vector<double> class_accuracies(const ConfusionMatrix& confusions) {
  std::vector<double> shares;
  for (std::size_t c = 0; c < confusions.classes(); ++c) shares.push_back(confusions.recall(c));
  return shares;
}

std::string reliability_figure(const std::string& name, const Tensor& probabilities, const RunResults& results,
                               const Score& score) {
  return fmt::format("<figure><figcaption>{}<br><span class=\"note\">ECE {} %</span></figcaption>{}</figure>\n",
                     escape_html(name), percent_text(score.calibration_error),
                     svg_reliability(reliability(probabilities, results.labels)));
}

}  // namespace

std::string classes_section(const RunResults& results) {
  const ConfusionMatrix whole = confusions_of(results, results.ensemble);
  std::vector<std::vector<double>> shares = {class_accuracies(whole)};
  Matrix matrix{.corner = "class", .columns = {"images", "ensemble"}};
  for (const std::string& name : member_columns(results)) matrix.columns.push_back(name);
  for (const MemberOutcome& member : results.members) shares.push_back(class_accuracies(confusions_of(results, member.test)));
  for (std::size_t c = 0; c < whole.classes(); ++c) {
    matrix.rows.push_back(class_name(results, static_cast<std::int64_t>(c)));
    std::vector<MatrixCell>& row = matrix.cells.emplace_back();
    row.push_back({std::to_string(whole.samples_of(c)), "quiet"});
    double best = 0, worst = 1;
    for (const std::vector<double>& share : shares) {
      best = std::max(best, share[c]);
      worst = std::min(worst, share[c]);
    }
    for (const std::vector<double>& share : shares) {
      const bool is_best = share[c] == best && worst < best;
      const int bar = std::isfinite(share[c]) ? static_cast<int>(std::lround(100 * share[c])) : -1;
      row.push_back({percent_text(share[c], 1), is_best ? "best" : "", bar});
    }
  }
  return section("classes", "Accuracy of each class",
                 note("In percent of the class's test images; the best of a row is bold.") +
                     scrolling(matrix_html(matrix), whole.classes() > kTallRows));
}

std::string confusion_section(const RunResults& results) {
  const bool whole = results.ensemble.shape()[1] <= kMatrixClasses;
  std::string body = note(whole ? "The ensemble's predictions, in images. Blue: right. Orange: taken for another class."
                                : "The ensemble's 20 most frequent confusions of one class with another.");
  body += confusion_html(results, results.ensemble);
  if (results.members.size() > 1) {
    std::string members;
    for (const MemberOutcome& member : results.members)
      members += fmt::format("<h3>{}</h3>\n{}", escape_html(member.result.name), confusion_html(results, member.test));
    body += details("Confusions of each member", members);
  }
  return section("confusion", "Confusions", body);
}

std::string reliability_section(const RunResults& results) {
  std::string body = note(fmt::format(
      "How often predictions of a given confidence are right: below the diagonal a model is too sure of itself, above it not "
      "sure enough. Bins of fewer than {} images are faint.",
      kFewSamples));
  std::string first, rest;
  if (results.members.size() > 1) first = reliability_figure("ensemble", results.ensemble, results, results.score);
  for (std::size_t i = 0; i < results.members.size(); ++i) {
    const MemberOutcome& member = results.members[i];
    (i < kFewMembers ? first : rest) += reliability_figure(member.result.name, member.test, results, member.score);
  }
  body += "<div class=\"figures small\">\n" + first + "</div>\n";
  if (!rest.empty()) body += details("The other members", "<div class=\"figures small\">\n" + rest + "</div>\n");
  return section("reliability", "Reliability", body);
}

}  // namespace tutti
