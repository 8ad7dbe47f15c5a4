#include "tutti/report/summary.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "tutti/report/tables.h"

namespace tutti {
namespace {

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }
std::string interval(const Interval& value) { return fmt::format("{:.2f}–{:.2f} %", 100 * value.low, 100 * value.high); }

Table members(const RunResults& results) {
  Table table(
      {"member", "epochs", "images/s", "val accuracy", "weight", "test accuracy", "95 % interval", "log loss", "Brier", "ECE"});
  for (const MemberOutcome& member : results.members)
    table.add({member.result.name, std::to_string(member.result.epochs),
               member.result.images_per_second > 0 ? fmt::format("{:.0f}", member.result.images_per_second) : "",
               percent(member.result.validation.accuracy), fmt::format("{:.3f}", member.weight), percent(member.score.accuracy),
               interval(member.score.interval), fmt::format("{:.4f}", member.score.log_loss),
               fmt::format("{:.4f}", member.score.brier), percent(member.score.calibration_error)});
  if (results.members.empty()) return table;
  table.rule();
  table.add({"ensemble", "", "", "", "1.000", percent(results.score.accuracy), interval(results.score.interval),
             fmt::format("{:.4f}", results.score.log_loss), fmt::format("{:.4f}", results.score.brier),
             percent(results.score.calibration_error)});
  return table;
}

Table images(const ImagePredictions& predictions, std::int64_t count) {
  std::vector<std::string> header = {"image", "member"};
  const std::int64_t classes = predictions.ensemble.shape()[1];
  for (std::int64_t c = 0; c < classes; ++c) header.push_back(class_name(predictions.class_names, c));
  Table table(header);
  const std::int64_t rows = std::min<std::int64_t>(count, predictions.ensemble.shape()[0]);
  for (std::int64_t image = 0; image < rows; ++image) {
    if (image > 0) table.rule();
    const auto add = [&](const std::string& first, const std::string& name, const Tensor& probabilities) {
      std::vector<std::string> row = {first, name};
      for (std::int64_t c = 0; c < classes; ++c)
        row.push_back(fmt::format("{:.3f}%", 100 * probabilities.data<float>()[static_cast<std::size_t>(image * classes + c)]));
      table.add(row);
    };
    std::string first = predictions.images[static_cast<std::size_t>(image)];
    for (const auto& [name, probabilities] : predictions.members) add(std::exchange(first, ""), name, probabilities);
    const bool known = !predictions.answers.empty();
    add(known ? "answer: " + predictions.answers[static_cast<std::size_t>(image)] : "", "ensemble", predictions.ensemble);
  }
  return table;
}

// The first images of the test split.
Table images(const RunResults& results, int count) {
  ImagePredictions predictions{.class_names = results.class_names, .ensemble = results.ensemble};
  for (const MemberOutcome& member : results.members) predictions.members.emplace_back(member.result.name, member.test);
  const auto labels = results.labels.data<std::int32_t>();
  for (std::size_t i = 0; i < std::min(labels.size(), static_cast<std::size_t>(count)); ++i) {
    predictions.images.push_back(std::to_string(i + 1));
    predictions.answers.push_back(class_name(results, labels[i]));
  }
  return images(predictions, count);
}

Table pairs(const RunResults& results) {
  std::vector<std::string> header = {""};
  for (const MemberOutcome& member : results.members) header.push_back(member.result.name);
  const Diversity pairs = diversity_of(results);
  Table table(header);
  for (std::size_t i = 0; i < results.members.size(); ++i) {
    std::vector<std::string> row = {results.members[i].result.name};
    for (std::size_t j = 0; j < results.members.size(); ++j)
      row.push_back(i == j ? "" : percent(i < j ? pairs.disagreement[i][j] : pairs.double_fault[i][j]));
    table.add(row);
  }
  return table;
}

nlohmann::ordered_json json_of(const Score& score) {
  return {{"accuracy", score.accuracy}, {"interval", {score.interval.low, score.interval.high}}, {"log_loss", score.log_loss},
          {"brier", score.brier},       {"calibration_error", score.calibration_error},          {"correct", score.correct},
          {"samples", score.samples}};
}

}  // namespace

std::string members_table(const RunResults& results) { return members(results).text(); }

std::string images_table(const ImagePredictions& predictions, std::int64_t count) { return images(predictions, count).text(); }

std::string images_table(const RunResults& results, int count) {
  return results.members.empty() ? "" : images(results, count).text();
}

std::string diversity_table(const RunResults& results) { return results.members.size() < 2 ? "" : pairs(results).text(); }

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
    if (results.members.size() > 1)
      text +=
          "\n## How alike the members are\n\nThe share of test images where one of two is right and the other wrong; below the "
          "diagonal, where both are wrong.\n\n" +
          pairs(results).markdown();
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
                               {"temperature", member.temperature},
                               {"test", json_of(member.score)}});
  for (const MemberFailure& member : results.missing)
    json["members"].push_back({{"name", member.name}, {"state", name_of(member.status.state)}, {"error", member.status.error}});
  if (!results.members.empty()) {
    json["ensemble"] = json_of(results.score);
    json["temperature"] = results.combination.temperature;
    json["best_member"] = results.members[results.best].result.name;
    json["mcnemar_p"] = results.test.p_value;
    const Diversity pairs = diversity_of(results);
    json["disagreement"] = pairs.disagreement;
    json["double_fault"] = pairs.double_fault;
  }
  json["verdict"] = verdict(results);
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace tutti
