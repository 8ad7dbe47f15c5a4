#include "cli/predict_run.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/log.h"
#include "tutti/data/datasets.h"
#include "tutti/data/npy.h"
#include "tutti/engines/engines.h"
#include "tutti/ensemble/combine.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/splits.h"
#include "tutti/report/standing.h"
#include "tutti/report/summary.h"

namespace tutti::cli {
namespace {

struct Images {
  Dataset data;
  std::vector<std::string> names;
};

Images load_images(const PredictRunOptions& options, const Shape& input) {
  if (options.images.empty()) {
    Images images{options.data.load(), {}};
    for (std::int64_t i = 0; i < images.data.size(); ++i) images.names.push_back(std::to_string(i + 1));
    return images;
  }
  if (input.rank() != 4) fail("predict", "the models take samples of shape {}, which are no images.", to_string(input));
  const int channels = static_cast<int>(input[3]);
  if (channels != 1 && channels != 3) fail("predict", "the models take images of {} channels. Expected 1 or 3.", channels);
  auto [data, names] =
      datasets::unlabelled_images(options.images, {.height = input[1], .width = input[2], .channels = channels});
  return {data, std::move(names)};
}

// One model of the ensemble.
struct Voter {
  std::string name;
  MemberFolder folder;
  MemberResult result;
  double scale = 1.0;  // of its images
};

Voter voter_of(const RunFolder& run, const std::string& member, const std::string& name) {
  const MemberFolder folder = run.member(member);
  const std::optional<MemberResult> result = folder.result();
  if (!result) fail("predict", "{} is not done any more.", folder.path().string());
  const std::vector<Member> members = plan(spec_of_run(run));
  const auto planned = std::ranges::find(members, member, &Member::name);
  return {name, folder, *result, planned == members.end() ? 1.0 : planned->spec.data.scale};
}

// The engine that trained the member, if it is here.
std::string engine_of(const Voter& voter) {
  for (const EngineInfo& info : list_engines()) {
    if (info.name != voter.result.engine) continue;
    if (info.available) return info.name;
    log_warning("{} is predicted by the default engine: {}", voter.name, info.reason);
  }
  return "";
}

Model load_voter(const Voter& voter, bool choose_engine) {
  Model model = load_model(voter.folder.path() / voter.result.model_file, false);
  if (choose_engine)
    model.compile(
        {.loss = LossFunction("sparse_categorical_crossentropy"), .engine = engine_of(voter), .device = voter.result.device});
  return model;
}

void print_accuracies(const ImagePredictions& predictions, const Tensor& labels) {
  const auto line = [&](const std::string& name, const Tensor& probabilities) {
    const Score result = score(probabilities, labels);
    print(fmt::format("{}: accuracy {:.2f} % (95 % interval {:.2f} to {:.2f})\n", name, 100 * result.accuracy,
                      100 * result.interval.low, 100 * result.interval.high));
  };
  for (const auto& [name, probabilities] : predictions.members) line(name, probabilities);
  line("ensemble", predictions.ensemble);
}

std::string json_of(const ImagePredictions& predictions) {
  const std::vector<std::int64_t> classes = argmax_rows(predictions.ensemble);
  const auto width = static_cast<std::size_t>(predictions.ensemble.shape()[1]);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const auto best = static_cast<std::size_t>(classes[i]);
    nlohmann::ordered_json row = {{"image", predictions.images[i]},
                                  {"prediction", classes[i]},
                                  {"name", best < predictions.class_names.size() ? predictions.class_names[best] : ""},
                                  {"rate", predictions.ensemble.data<float>()[i * width + best]}};
    for (const auto& [name, probabilities] : predictions.members) {
      const auto p = probabilities.data<float>().subspan(i * width, width);
      row["members"][name] = std::vector<float>(p.begin(), p.end());
    }
    rows.push_back(std::move(row));
  }
  return rows.dump(2) + "\n";
}

void write_and_print(const ImagePredictions& predictions, const Dataset& data, const PredictRunOptions& options) {
  write_file_atomically(options.preds, preds_csv(predictions.ensemble));
  write_file_atomically(options.pred, pred_csv(predictions.ensemble));
  if (!options.out.empty()) write_file_atomically(options.out, to_npy(predictions.ensemble));
  if (options.json) return print(json_of(predictions));
  print(images_table(predictions, options.show));
  const std::int64_t hidden = data.size() - options.show;
  if (hidden > 0) print(fmt::format("and {} more: --show N shows N images\n", hidden));
  print("\n");
  if (data.has_labels()) print_accuracies(predictions, data.labels());
  print(fmt::format("Wrote {} and {}\n", options.preds.string(), options.pred.string()));
}

void predict_with(const std::vector<Voter>& voters, const Ensemble& combination, const PredictRunOptions& options) {
  options.engine.use();
  ImagePredictions predictions{.class_names = voters.front().result.class_names};
  std::vector<Tensor> probabilities;
  Images images;
  for (const Voter& voter : voters) {
    Model model = load_voter(voter, options.engine.engine.empty());
    if (images.names.empty())
      images = load_images(options, model.nodes()[static_cast<std::size_t>(model.input_nodes().front())].shape);
    try {
      probabilities.push_back(model.predict(scaled(images.data, voter.scale), {.batch_size = options.batch_size}));
    } catch (const Error& error) {
      throw Error(voter.name, error.what());
    }
    predictions.members.emplace_back(voter.name, probabilities.back());
  }
  predictions.ensemble = combination.predict(probabilities);
  predictions.images = images.names;
  if (images.data.has_labels())
    for (std::int64_t i = 0; i < images.data.size(); ++i)
      predictions.answers.push_back(class_name(predictions.class_names, images.data.label(i)));
  write_and_print(predictions, images.data, options);
}

}  // namespace

void predict_run(const RunFolder& run, const PredictRunOptions& options) {
  const RunResults results = read_results(run);
  if (results.members.empty())
    fail("predict", "no member of {} is done. Go on with it: tutti resume {}", run.path().string(), run.path().string());
  std::vector<Voter> voters;
  for (const MemberOutcome& member : results.members) voters.push_back(voter_of(run, member.result.name, member.result.name));
  predict_with(voters, results.combination, options);
}

void predict_standing(const std::filesystem::path& experiment, const PredictRunOptions& options) {
  const std::optional<StandingEnsemble> standing = StandingFolder(experiment).current();
  if (!standing)
    fail("predict", "{} has no standing ensemble. Expected a run whose spec has ensemble: {{grow: true}}.",
         experiment.string());
  std::vector<Voter> voters;
  for (const StandingMember& member : standing->members)
    voters.push_back(voter_of(RunFolder(experiment / member.run), member.member, member.run + "/" + member.member));
  predict_with(voters, standing->combination(), options);
}

}  // namespace tutti::cli
