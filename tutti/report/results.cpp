#include "tutti/report/results.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/npy.h"
#include "tutti/ensemble/combine.h"
#include "tutti/experiment/experiment.h"
#include "tutti/report/html.h"
#include "tutti/report/plots.h"
#include "tutti/report/tables.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }
std::string interval(const Interval& value) { return fmt::format("{:.2f}–{:.2f} %", 100 * value.low, 100 * value.high); }

std::vector<std::pair<std::string, std::string>> read_environment(const RunFolder& run) {
  std::vector<std::pair<std::string, std::string>> result;
  std::error_code code;
  if (!fs::exists(run.environment(), code)) return result;
  const auto json = nlohmann::ordered_json::parse(read_file(run.environment(), std::size_t{1} << 20), nullptr, false);
  if (!json.is_object()) return result;
  for (const auto& [name, value] : json.items())
    if (value.is_string()) result.emplace_back(name, value.get<std::string>());
  return result;
}

MemberOutcome read_outcome(const MemberFolder& folder, MemberResult result) {
  MemberOutcome outcome{.result = std::move(result), .history = folder.history(), .weight = 0};
  outcome.test = read_npy(folder.path() / "test.npy");
  return outcome;
}

bool same_labels(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::ranges::equal(a.data<std::int32_t>(), b.data<std::int32_t>());
}

void combine_members(RunResults& results) {
  std::vector<double> accuracies;
  std::vector<Tensor> predictions;
  for (const MemberOutcome& member : results.members) {
    accuracies.push_back(member.result.validation.accuracy);
    predictions.push_back(member.test);
  }
  WeightRule rule = weight_rule_of_name(results.weights);
  // Nobody right on any validation image: nothing tells the members apart.
  if (std::all_of(accuracies.begin(), accuracies.end(), [](double a) { return a == 0; })) rule = WeightRule::kUniform;
  const std::vector<double> weights = ensemble_weights(rule, accuracies);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  results.ensemble = combine(predictions, weights);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    results.members[i].weight = weights[i] / sum;
    results.members[i].score = score(results.members[i].test, results.labels);
  }
  results.best = static_cast<std::size_t>(std::max_element(accuracies.begin(), accuracies.end()) - accuracies.begin());
  results.score = score(results.ensemble, results.labels);
  results.test = mcnemar(results.ensemble, results.members[results.best].test, results.labels);
}

Table members(const RunResults& results) {
  Table table(
      {"member", "epochs", "images/s", "val accuracy", "weight", "test accuracy", "95 % interval", "log loss", "Brier"});
  for (const MemberOutcome& member : results.members)
    table.add({member.result.name, std::to_string(member.result.epochs), fmt::format("{:.0f}", member.result.images_per_second),
               percent(member.result.validation.accuracy), fmt::format("{:.3f}", member.weight), percent(member.score.accuracy),
               interval(member.score.interval), fmt::format("{:.4f}", member.score.log_loss),
               fmt::format("{:.4f}", member.score.brier)});
  if (results.members.empty()) return table;
  table.rule();
  table.add({"ensemble", "", "", "", "1.000", percent(results.score.accuracy), interval(results.score.interval),
             fmt::format("{:.4f}", results.score.log_loss), fmt::format("{:.4f}", results.score.brier)});
  return table;
}

std::string class_name(const RunResults& results, std::int64_t index) {
  const auto i = static_cast<std::size_t>(index);
  return i < results.class_names.size() ? results.class_names[i] : std::to_string(index);
}

Table images(const RunResults& results, int count) {
  std::vector<std::string> header = {"image", "member"};
  const std::int64_t classes = results.ensemble.shape()[1];
  for (std::int64_t c = 0; c < classes; ++c) header.push_back(class_name(results, c));
  Table table(header);
  const std::int64_t rows = std::min<std::int64_t>(count, results.ensemble.shape()[0]);
  for (std::int64_t image = 0; image < rows; ++image) {
    if (image > 0) table.rule();
    const auto add = [&](const std::string& first, const std::string& name, const Tensor& probabilities) {
      std::vector<std::string> row = {first, name};
      for (std::int64_t c = 0; c < classes; ++c)
        row.push_back(fmt::format("{:.3f}%", 100 * probabilities.data<float>()[static_cast<std::size_t>(image * classes + c)]));
      table.add(row);
    };
    std::string first = std::to_string(image + 1);
    for (const MemberOutcome& member : results.members) add(std::exchange(first, ""), member.result.name, member.test);
    const std::int64_t answer = results.labels.data<std::int32_t>()[static_cast<std::size_t>(image)];
    add(fmt::format("answer: {}", class_name(results, answer)), "ensemble", results.ensemble);
  }
  return table;
}

// The test images that preds.csv and pred.csv list.
Tensor holdout_of(const RunResults& results) {
  const std::int64_t rows = results.ensemble.shape()[0];
  return results.ensemble.rows(0, results.holdout > 0 ? std::min(results.holdout, rows) : rows);
}

nlohmann::ordered_json json_of(const Score& score) {
  return {{"accuracy", score.accuracy}, {"interval", {score.interval.low, score.interval.high}},
          {"log_loss", score.log_loss}, {"brier", score.brier},
          {"correct", score.correct},   {"samples", score.samples}};
}

}  // namespace

RunResults read_results(const RunFolder& run) {
  const Spec spec = spec_of_run(run);
  RunResults results{.experiment = spec.name, .run = run.path().filename().string()};
  results.model = spec.model.filename().string();
  results.data = spec.data.name;
  results.weights = spec.weights;
  results.holdout = spec.data.holdout;
  results.environment = read_environment(run);
  for (const Member& member : plan(spec)) {
    const MemberFolder folder = run.member(member.name);
    std::optional<MemberResult> result = folder.result();
    if (!result) {
      results.missing.push_back({member.name, folder.status()});
      continue;
    }
    const Tensor labels = read_npy(folder.path() / "test_labels.npy");
    if (results.members.empty()) {
      results.labels = labels;
      results.class_names = result->class_names;
    } else if (!same_labels(labels, results.labels)) {
      fail("report", "{} was tested on other images than {}. Expected the same data for all members.", member.name,
           results.members.front().result.name);
    }
    results.members.push_back(read_outcome(folder, std::move(*result)));
  }
  if (!results.members.empty()) combine_members(results);
  return results;
}

std::string members_table(const RunResults& results) { return members(results).text(); }

std::string images_table(const RunResults& results, int count) {
  return results.members.empty() ? "" : images(results, count).text();
}

std::string verdict(const RunResults& results) {
  std::string text;
  if (results.members.empty()) {
    text = "No member is done, so there is nothing to combine.";
  } else if (results.members.size() == 1) {
    text = "There is one member, so the ensemble is that member.";
  } else {
    const MemberOutcome& best = results.members[results.best];
    text = compare_sentence(results.score, best.result.name, best.score, results.test);
  }
  for (const MemberFailure& member : results.missing) {
    std::string error = member.status.error;
    if (error.ends_with('.')) error.pop_back();
    text +=
        fmt::format(" {} is not in it: {}{}{}.", member.name, name_of(member.status.state), error.empty() ? "" : ", ", error);
  }
  return text;
}

std::string summary_markdown(const RunResults& results) {
  std::string text = fmt::format("# {}\n\nRun {}, model {}, data {}, weights by {}.\n\n", results.experiment, results.run,
                                 results.model, results.data, results.weights);
  text += verdict(results) + "\n";
  if (!results.members.empty()) {
    text += "\n" + members(results).markdown();
    text += fmt::format(
        "\nWeights come from the validation split ({} images), all other numbers from the test split ({} "
        "images).\n\n## The first images\n\n",
        results.members.front().result.validation.samples, results.score.samples);
    text += images(results, 10).markdown();
  }
  text += "\n## Environment\n\n";
  for (const auto& [name, value] : results.environment) text += fmt::format("- {}: {}\n", name, value);
  return text;
}

std::string results_json(const RunResults& results) {
  nlohmann::ordered_json json = {
      {"experiment", results.experiment}, {"run", results.run}, {"data", results.data}, {"weights", results.weights}};
  json["members"] = nlohmann::ordered_json::array();
  for (const MemberOutcome& member : results.members)
    json["members"].push_back({{"name", member.result.name},
                               {"engine", member.result.engine},
                               {"seed", member.result.seed},
                               {"values", member.result.values},
                               {"state", "done"},
                               {"epochs", member.result.epochs},
                               {"seconds", member.result.seconds},
                               {"images_per_second", member.result.images_per_second},
                               {"peak_memory", member.result.peak_memory},
                               {"validation_accuracy", member.result.validation.accuracy},
                               {"weight", member.weight},
                               {"test", json_of(member.score)}});
  for (const MemberFailure& member : results.missing)
    json["members"].push_back({{"name", member.name}, {"state", name_of(member.status.state)}, {"error", member.status.error}});
  if (!results.members.empty()) {
    json["ensemble"] = json_of(results.score);
    json["best_member"] = results.members[results.best].result.name;
    json["mcnemar_p"] = results.test.p_value;
  }
  json["verdict"] = verdict(results);
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void write_report(const RunFolder& run, const RunResults& results) {
  const fs::path folder = run.ensemble();
  if (!results.members.empty()) {
    const Tensor holdout = holdout_of(results);
    write_file_atomically(folder / "preds.csv", preds_csv(holdout));
    write_file_atomically(folder / "pred.csv", pred_csv(holdout));
    write_plots(folder, results);
  }
  write_file_atomically(folder / "summary.md", summary_markdown(results));
  write_file_atomically(folder / "results.json", results_json(results));
  write_file_atomically(folder / "report.html", report_html(results));
}

}  // namespace tutti
