#include "tutti/report/html.h"

#include <set>

#include <fmt/format.h>

#include "tutti/report/hard_images.h"
#include "tutti/report/html_classes.h"
#include "tutti/report/html_members.h"
#include "tutti/report/html_parts.h"
#include "tutti/report/html_style.h"
#include "tutti/report/tables.h"

namespace tutti {
namespace {

std::string tile(const std::string& name, const std::string& value, const std::string& detail) {
  return fmt::format("<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>\n", escape_html(name), escape_html(value),
                     escape_html(detail));
}

std::string tiles(const RunResults& results) {
  const auto interval = [](const Score& score) {
    return fmt::format("{}\u2060–\u2060{}\u00a0%", percent_text(score.interval.low), percent_text(score.interval.high));
  };
  const MemberOutcome& best = results.members[results.best];
  const std::size_t planned = results.members.size() + results.missing.size();
  std::string html = "<dl class=\"tiles\">\n";
  html += tile("ensemble", percent_text(results.score.accuracy) + " %", interval(results.score));
  html += tile("best member", percent_text(best.score.accuracy) + " %", best.result.name + ", " + interval(best.score));
  html += tile("members", fmt::format("{} of {}", results.members.size(), planned), "weights by " + results.weights);
  html += tile("test images", std::to_string(results.score.samples), fmt::format("{} classes", results.ensemble.shape()[1]));
  return html + "</dl>\n";
}

std::string head(const RunResults& results) {
  const std::string title = escape_html(results.experiment);
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<style>{1}</style></head><body>\n<header>\n<h1>{0}</h1>\n"
      "<p class=\"facts\">run {2} · model {3} · data {4} · weights by {5}</p>\n<p class=\"verdict\">{6}</p>\n",
      title, report_style(), escape_html(results.run), escape_html(results.model), escape_html(results.data),
      escape_html(results.weights), escape_html(verdict(results)));
}

std::string environment_section(const RunResults& results) {
  std::set<std::uint64_t> seeds;
  for (const MemberOutcome& member : results.members) seeds.insert(member.result.seed);
  std::string rows;
  const auto add = [&](const std::string& name, const std::string& value) {
    rows += fmt::format("<tr><td>{}</td><td>{}</td></tr>\n", escape_html(name), escape_html(value));
  };
  for (const auto& [name, value] : results.environment) add(name, value);
  if (!seeds.empty()) add(seeds.size() == 1 ? "seed" : "seeds", fmt::format("{}", fmt::join(seeds, ", ")));
  if (rows.empty()) return "";
  return section("environment", "Environment", "<table class=\"environment\"><tbody>\n" + rows + "</tbody></table>\n");
}

// Links to the sections that are there.
std::string navigation(const std::string& sections) {
  constexpr std::pair<const char*, const char*> kLinks[] = {
      {"members", "Members"},     {"accuracies", "Accuracies"}, {"curves", "Curves"},
      {"classes", "Classes"},     {"confusion", "Confusions"},  {"reliability", "Reliability"},
      {"diversity", "Diversity"}, {"hard", "Hard pictures"},    {"environment", "Environment"}};
  std::string html = "<nav>";
  for (const auto& [id, name] : kLinks)
    if (sections.find(fmt::format("<section id=\"{}\">", id)) != std::string::npos)
      html += fmt::format("<a href=\"#{}\">{}</a>", id, name);
  return html + "</nav>\n";
}

}  // namespace

std::string report_html(const RunResults& results, const Dataset& test) {
  std::string sections;
  if (!results.members.empty() || !results.missing.empty()) sections += members_section(results);
  if (!results.members.empty()) {
    sections += accuracies_section(results) + curves_section(results) + classes_section(results) + confusion_section(results) +
                reliability_section(results) + diversity_section(results) + hard_images_section(results, test);
  }
  sections += environment_section(results);
  return head(results) + (results.members.empty() ? "" : tiles(results)) + navigation(sections) + "</header>\n<main>\n" +
         sections + "</main>\n</body></html>\n";
}

}  // namespace tutti
