#include "tutti/report/compare.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "tutti/experiment/experiment.h"
#include "tutti/report/tables.h"

namespace tutti {
namespace {

// A member, or the ensemble, of each run.
struct Pair {
  std::string name;
  std::optional<Score> first, second;
  std::optional<McNemar> test;
};

struct Comparison {
  std::string first, second;  // the runs' names
  std::vector<SpecDifference> spec;
  std::vector<Pair> pairs;  // the ensembles last
};

const MemberOutcome* find_member(const RunResults& results, const std::string& name) {
  const auto found = std::ranges::find_if(results.members, [&](const auto& member) { return member.result.name == name; });
  return found == results.members.end() ? nullptr : &*found;
}

Pair pair_of(const std::string& name, const MemberOutcome* first, const MemberOutcome* second, const Tensor& labels) {
  Pair pair{.name = name};
  if (first) pair.first = first->score;
  if (second) pair.second = second->score;
  if (first && second && labels.shape().rank() == 1) pair.test = mcnemar(first->test, second->test, labels);
  return pair;
}

Comparison compare(const RunFolder& first_run, const RunFolder& second_run) {
  const RunResults first = read_results(first_run), second = read_results(second_run);
  const auto name_of_run = [](const RunResults& results) { return results.experiment + "/" + results.run; };
  Comparison comparison{.first = name_of_run(first), .second = name_of_run(second)};
  comparison.spec = differences_of(spec_of_run(first_run), spec_of_run(second_run));
  // Only the same images tell which is better image by image.
  const bool same = !first.members.empty() && !second.members.empty() && first.data == second.data &&
                    same_labels(first.labels, second.labels);
  const Tensor labels = same ? first.labels : Tensor();
  for (const MemberOutcome& member : first.members)
    comparison.pairs.push_back(pair_of(member.result.name, &member, find_member(second, member.result.name), labels));
  for (const MemberOutcome& member : second.members)
    if (!find_member(first, member.result.name))
      comparison.pairs.push_back(pair_of(member.result.name, nullptr, &member, labels));
  Pair ensembles{.name = "ensemble"};
  if (!first.members.empty()) ensembles.first = first.score;
  if (!second.members.empty()) ensembles.second = second.score;
  if (same) ensembles.test = mcnemar(first.ensemble, second.ensemble, labels);
  comparison.pairs.push_back(std::move(ensembles));
  return comparison;
}

std::string accuracy_text(const std::optional<Score>& score) {
  return score ? fmt::format("{:.2f} % ({:.2f}–{:.2f})", 100 * score->accuracy, 100 * score->interval.low,
                             100 * score->interval.high)
               : "";
}

std::string sentence(const Comparison& comparison) {
  const Pair& pair = comparison.pairs.back();
  if (!pair.first || !pair.second) return "One of the runs has no member that is done.";
  const double points = 100 * (pair.second->accuracy - pair.first->accuracy);
  std::string text = fmt::format("The ensemble of {} is {:.2f} points {} than that of {}", comparison.second, std::abs(points),
                                 points < 0 ? "worse" : "better", comparison.first);
  if (points == 0) text = "Both ensembles are equally accurate";
  if (!pair.test) return text + ". They were tested on different images, so only the intervals can be compared.";
  if (points == 0) return text + fmt::format(" on {} images.", pair.first->samples);
  return text + fmt::format(": {} on {} images ({}).", pair.test->more_than_chance() ? "more than chance" : "within noise",
                            pair.first->samples, pair.test->text());
}

nlohmann::ordered_json json_of(const std::optional<Score>& score) {
  if (!score) return nullptr;
  return {
      {"accuracy", score->accuracy}, {"interval", {score->interval.low, score->interval.high}}, {"log_loss", score->log_loss}};
}

}  // namespace

std::string compare_runs(const RunFolder& first, const RunFolder& second) {
  const Comparison comparison = compare(first, second);
  std::string text;
  if (comparison.spec.empty()) {
    text = "The specs are the same.\n\n";
  } else {
    Table table({"spec", comparison.first, comparison.second});
    for (const SpecDifference& difference : comparison.spec) table.add({difference.path, difference.first, difference.second});
    text = table.text() + "\n";
  }
  Table table({"member", comparison.first, comparison.second, "difference", "McNemar p"});
  for (const Pair& pair : comparison.pairs) {
    const bool both = pair.first && pair.second;
    if (&pair == &comparison.pairs.back()) table.rule();
    table.add({pair.name, accuracy_text(pair.first), accuracy_text(pair.second),
               both ? fmt::format("{:+.2f}", 100 * (pair.second->accuracy - pair.first->accuracy)) : "",
               pair.test ? fmt::format("{:.4f}", pair.test->p_value) : ""});
  }
  return text + table.text() + "\n" + sentence(comparison) + "\n";
}

std::string compare_runs_json(const RunFolder& first, const RunFolder& second) {
  const Comparison comparison = compare(first, second);
  nlohmann::ordered_json json = {{"first", comparison.first}, {"second", comparison.second}};
  json["spec"] = nlohmann::ordered_json::array();
  for (const SpecDifference& difference : comparison.spec)
    json["spec"].push_back({{"path", difference.path}, {"first", difference.first}, {"second", difference.second}});
  json["members"] = nlohmann::ordered_json::array();
  for (const Pair& pair : comparison.pairs) {
    const nlohmann::ordered_json entry = {{"name", pair.name},
                                          {"first", json_of(pair.first)},
                                          {"second", json_of(pair.second)},
                                          {"mcnemar_p", pair.test ? nlohmann::ordered_json(pair.test->p_value) : nullptr}};
    if (&pair == &comparison.pairs.back())
      json["ensemble"] = entry;
    else
      json["members"].push_back(entry);
  }
  json["verdict"] = sentence(comparison);
  return json.dump(2) + "\n";
}

}  // namespace tutti
