#include "tutti/report/results.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/npy.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/splits.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

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

void combine_members(RunResults& results, const Spec& spec, const std::vector<Tensor>& validation_labels) {
  std::vector<Tensor> validation, test;
  std::vector<double> accuracies;
  for (MemberOutcome& member : results.members) {
    accuracies.push_back(member.result.validation.accuracy);
    validation.push_back(member.validation);
    test.push_back(member.test);
    member.score = score(member.test, results.labels);
  }
  const auto other = std::ranges::find_if_not(
      validation_labels, [&](const Tensor& labels) { return same_labels(labels, validation_labels.front()); });
  if (other == validation_labels.end()) {
    results.combination = fit_ensemble(validation, validation_labels.front(), spec.ensemble);
  } else if (!needs_one_validation_split(spec.ensemble)) {
    // Each member's accuracy is of its own validation images.
    const std::vector<double> ones(accuracies.size(), 1.0);
    results.combination = {accuracy_weights(spec.ensemble.weights == WeightRule::kUniform ? ones : accuracies), ones};
  } else {
    fail("report",
         "{} was validated on other images than {}. Expected ensemble: {{weights: accuracy, temperature: none}}, or the same "
         "data for all members.",
         results.members[static_cast<std::size_t>(other - validation_labels.begin())].result.name,
         results.members.front().result.name);
  }
  for (std::size_t i = 0; i < results.members.size(); ++i) {
    results.members[i].weight = results.combination.weights[i];
    results.members[i].temperature = results.combination.temperatures[i];
  }
  results.ensemble = results.combination.predict(test);
  results.best = static_cast<std::size_t>(std::ranges::max_element(accuracies) - accuracies.begin());
  results.score = score(results.ensemble, results.labels);
  results.test = mcnemar(results.ensemble, results.members[results.best].test, results.labels);
}

void add_member(RunResults& results, MemberOutcome outcome, const Tensor& labels) {
  const std::string& name = outcome.result.name;
  if (results.members.empty()) {
    results.labels = labels;
    results.class_names = outcome.result.class_names;
  } else {
    const MemberOutcome& first = results.members.front();
    if (!same_labels(labels, results.labels))
      fail("report", "{} was tested on other images than {}. Expected the same data for all members.", name, first.result.name);
    if (outcome.test.shape() != first.test.shape())
      fail("report", "{} knows {} classes, {} knows {}. Expected the same classes of all members.", name,
           outcome.test.shape()[1], first.result.name, first.test.shape()[1]);
  }
  results.members.push_back(std::move(outcome));
}

}  // namespace

RunResults read_results(const RunFolder& run) {
  const Spec spec = spec_of_run(run);
  RunResults results{.experiment = spec.name, .run = run.path().filename().string()};
  results.model = spec.model.empty() ? fmt::format("{}", fmt::join(spec.program.command, " ")) : spec.model.filename().string();
  if (results.model.empty()) results.model = "each member's own";
  results.data = spec.data.name;
  results.weights = describe(spec.ensemble);
  results.holdout = spec.data.holdout;
  results.environment = read_environment(run);
  std::vector<Tensor> validation_labels;
  for (const Member& member : plan(spec)) {
    const MemberFolder folder = run.member(member.name);
    std::optional<MemberResult> result = folder.result();
    if (!result) {
      results.missing.push_back({member.name, folder.status()});
      continue;
    }
    Tensor labels, validation;
    MemberOutcome outcome{.result = std::move(*result), .history = folder.history()};
    try {
      labels = read_npy(folder.path() / "test_labels.npy");
      validation = read_npy(folder.path() / "validation_labels.npy");
      outcome.validation = read_npy(folder.path() / "validation.npy");
      outcome.test = read_npy(folder.path() / "test.npy");
      check_predictions(outcome.test, labels);
      check_predictions(outcome.validation, validation);
    } catch (const Error& error) {
      results.missing.push_back({member.name, {.state = MemberState::kFailed, .error = error.what()}});
      continue;
    }
    add_member(results, std::move(outcome), labels);
    validation_labels.push_back(validation);
  }
  if (!results.members.empty()) combine_members(results, spec, validation_labels);
  return results;
}

Dataset test_images(const RunFolder& run, const RunResults& results) {
  try {
    DataSpec data = spec_of_run(run).data;
    data.scale = 1.0;
    if (!is_at_hand(data)) return {};  // a report downloads nothing
    const Dataset test = load_splits(data).test;
    if (same_labels(test.labels(), results.labels)) return test;
  } catch (const Error&) {
    // The data was moved, or is on another machine: the report goes without its pictures.
  }
  return {};
}

Diversity diversity_of(const RunResults& results) {
  std::vector<Tensor> predictions;
  for (const MemberOutcome& member : results.members) predictions.push_back(member.test);
  return diversity(predictions, results.labels);
}

std::string class_name(const std::vector<std::string>& names, std::int64_t index) {
  const auto i = static_cast<std::size_t>(index);
  return i < names.size() ? names[i] : std::to_string(index);
}

std::string class_name(const RunResults& results, std::int64_t index) { return class_name(results.class_names, index); }

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

}  // namespace tutti
