#include "tutti/report/standing.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/npy.h"
#include "tutti/ensemble/statistics.h"
#include "tutti/experiment/experiment.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const SplitResult& split) {
  return {{"loss", split.loss}, {"accuracy", split.accuracy}, {"samples", split.samples}};
}
SplitResult split_of(const Json& json) {
  return {.loss = json.at("loss"), .accuracy = json.at("accuracy"), .samples = json.at("samples")};
}

std::string text_of(const StandingEnsemble& ensemble) {
  Json json = {{"version", ensemble.version}, {"made_by", ensemble.made_by}, {"made", ensemble.made}};
  json["members"] = Json::array();
  for (const StandingMember& member : ensemble.members)
    json["members"].push_back(
        {{"run", member.run}, {"member", member.member}, {"weight", member.weight}, {"temperature", member.temperature}});
  json["temperature"] = ensemble.temperature;
  json["validation"] = json_of(ensemble.validation);
  json["test"] = json_of(ensemble.test);
  return json.dump(2) + "\n";
}

// A member that may be in the ensemble, with its predictions.
struct Candidate {
  StandingMember name;
  Tensor validation, test;
  double loss = 0.0;  // alone, on the validation split
};

Candidate read_candidate(const MemberFolder& folder, const std::string& run, const std::string& member, const Tensor& labels) {
  Candidate candidate{.name = {.run = run, .member = member},
                      .validation = read_npy(folder.path() / "validation.npy"),
                      .test = read_npy(folder.path() / "test.npy")};
  const Tensor own = read_npy(folder.path() / "validation_labels.npy");
  if (!same_labels(own, labels))
    fail("standing ensemble", "{}/{} was validated on other images than the rest. Expected the same data in all runs.", run,
         member);
  candidate.loss = score(candidate.validation, labels).log_loss;
  return candidate;
}

SplitResult result_of(const Tensor& probabilities, const Tensor& labels) {
  const Score result = score(probabilities, labels);
  return {.loss = result.log_loss, .accuracy = result.accuracy, .samples = result.samples};
}

// The ensemble of some candidates.
struct Fitted {
  Ensemble combination;
  double loss = std::numeric_limits<double>::infinity();
};

Fitted fit(const std::vector<Candidate>& members, const Tensor& labels, const EnsembleOptions& options) {
  std::vector<Tensor> predictions;
  for (const Candidate& member : members) predictions.push_back(member.validation);
  Fitted fitted{.combination = fit_ensemble(predictions, labels, options)};
  fitted.loss = score(fitted.combination.predict(predictions), labels).log_loss;
  return fitted;
}

StandingEnsemble standing_of(const std::vector<Candidate>& members, const Fitted& fitted, const Tensor& labels,
                             const Tensor& test_labels) {
  StandingEnsemble ensemble{.made = now(), .temperature = fitted.combination.temperature};
  std::vector<Tensor> validation, test;
  for (std::size_t i = 0; i < members.size(); ++i) {
    ensemble.members.push_back(members[i].name);
    ensemble.members.back().weight = fitted.combination.weights[i];
    ensemble.members.back().temperature = fitted.combination.temperatures[i];
    validation.push_back(members[i].validation);
    test.push_back(members[i].test);
  }
  ensemble.validation = result_of(fitted.combination.predict(validation), labels);
  ensemble.test = result_of(fitted.combination.predict(test), test_labels);
  return ensemble;
}

}  // namespace

Ensemble StandingEnsemble::combination() const {
  Ensemble result{.weights = {}, .temperatures = {}, .temperature = temperature};
  for (const StandingMember& member : members) {
    result.weights.push_back(member.weight);
    result.temperatures.push_back(member.temperature);
  }
  return result;
}

fs::path StandingFolder::file(int version) const { return experiment_ / "standing" / fmt::format("{:04}.json", version); }

std::vector<int> StandingFolder::versions() const {
  std::vector<int> versions;
  std::error_code code;
  for (fs::directory_iterator entry(experiment_ / "standing", code), end; !code && entry != end; entry.increment(code)) {
    const std::string stem = entry->path().stem().string();
    int version = 0;
    const auto [last, error] = std::from_chars(stem.data(), stem.data() + stem.size(), version);
    if (error == std::errc() && last == stem.data() + stem.size() && entry->path().extension() == ".json" && version > 0)
      versions.push_back(version);
  }
  std::ranges::sort(versions);
  return versions;
}

std::optional<StandingEnsemble> StandingFolder::current() const {
  const fs::path pointer = experiment_ / "standing" / "current";
  std::error_code code;
  if (!fs::exists(pointer, code)) return {};
  const std::string text = read_file(pointer, 100);
  int version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  return read(version);
}

StandingEnsemble StandingFolder::read(int version) const {
  const fs::path path = file(version);
  std::error_code code;
  if (!fs::exists(path, code))
    fail("standing ensemble", "there is no version {} in {}. Expected one of {}.", version, path.parent_path().string(),
         fmt::join(versions(), ", "));
  try {
    const Json json = Json::parse(read_file(path, std::size_t{1} << 24));
    StandingEnsemble ensemble{.version = json.at("version"), .made_by = json.at("made_by"), .made = json.at("made")};
    for (const Json& member : json.at("members"))
      ensemble.members.push_back({.run = member.at("run"),
                                  .member = member.at("member"),
                                  .weight = member.at("weight"),
                                  .temperature = member.at("temperature")});
    ensemble.temperature = json.at("temperature");
    ensemble.validation = split_of(json.at("validation"));
    ensemble.test = split_of(json.at("test"));
    return ensemble;
  } catch (const nlohmann::json::exception& error) {
    fail(path.string(), "not an ensemble: {}.", error.what());
  }
}

StandingEnsemble StandingFolder::add(StandingEnsemble ensemble) const {
  const std::vector<int> taken = versions();
  ensemble.version = taken.empty() ? 1 : taken.back() + 1;
  // Another run that ends now may take the number.
  while (!create_file_atomically(file(ensemble.version), text_of(ensemble))) ++ensemble.version;
  use(ensemble.version);
  return ensemble;
}

void StandingFolder::use(int version) const {
  read(version);  // is it whole?
  write_file_atomically(experiment_ / "standing" / "current", fmt::format("{}\n", version));
}

GrowResult grow_standing(const RunFolder& run) {
  const Spec spec = spec_of_run(run);
  const StandingFolder folder(run.path().parent_path());
  const std::optional<StandingEnsemble> before = folder.current();
  const std::string run_name = run.path().filename().string();

  std::vector<Candidate> offered, members;
  Tensor labels, test_labels;
  for (const Member& member : plan(spec)) {
    const MemberFolder own = run.member(member.name);
    if (!own.result()) continue;
    if (offered.empty()) {
      labels = read_npy(own.path() / "validation_labels.npy");
      test_labels = read_npy(own.path() / "test_labels.npy");
    }
    offered.push_back(read_candidate(own, run_name, member.name, labels));
  }
  if (offered.empty()) fail("standing ensemble", "no member of {} is done.", run.path().string());
  if (before)
    for (const StandingMember& member : before->members) {
      // One of this very run, which was resumed: it is offered again.
      if (member.run != run_name) members.push_back(read_candidate(folder.member(member), member.run, member.member, labels));
    }
  std::ranges::stable_sort(offered, {}, &Candidate::loss);

  Fitted best;
  if (!members.empty()) best = fit(members, labels, spec.ensemble);
  GrowResult result{.loss_before = before ? best.loss : std::numeric_limits<double>::quiet_NaN()};
  for (const Candidate& candidate : offered) {
    members.push_back(candidate);
    const Fitted with = fit(members, labels, spec.ensemble);
    if (with.loss < best.loss) {
      best = with;
      result.joined.push_back(candidate.name.member);
    } else {
      members.pop_back();
      result.refused.push_back(candidate.name.member);
    }
  }
  if (before && result.joined.empty()) {
    result.ensemble = *before;
    return result;
  }
  StandingEnsemble ensemble = standing_of(members, best, labels, test_labels);
  ensemble.made_by = run_name;
  result.ensemble = folder.add(std::move(ensemble));
  return result;
}

std::string describe(const GrowResult& result) {
  std::string text;
  if (!result.joined.empty()) text = fmt::format("{} joined the standing ensemble", fmt::join(result.joined, ", "));
  if (!result.refused.empty())
    text += fmt::format("{}{} would not lower its validation loss", text.empty() ? "" : "; ", fmt::join(result.refused, ", "));
  text += fmt::format(": version {} has {} member{}, validation loss {:.4f}", result.ensemble.version,
                      result.ensemble.members.size(), result.ensemble.members.size() == 1 ? "" : "s",
                      result.ensemble.validation.loss);
  if (std::isfinite(result.loss_before)) text += fmt::format(" ({:.4f} before)", result.loss_before);
  return text + fmt::format(", test accuracy {:.2f} %", 100 * result.ensemble.test.accuracy);
}

}  // namespace tutti
