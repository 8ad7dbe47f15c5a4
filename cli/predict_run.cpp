#include "cli/predict_run.h"

#include <algorithm>

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

// The engine that trained the member, if it is here.
std::string engine_of(const MemberOutcome& member) {
  for (const EngineInfo& info : list_engines()) {
    if (info.name != member.result.engine) continue;
    if (info.available) return info.name;
    log_warning("{} is predicted by the default engine: {}", member.result.name, info.reason);
  }
  return "";
}

Model load_member(const RunFolder& run, const MemberOutcome& member, bool choose_engine) {
  Model model = load_model(run.member(member.result.name).path() / member.result.model_file, false);
  if (choose_engine)
    model.compile(
        {.loss = LossFunction("sparse_categorical_crossentropy"), .engine = engine_of(member), .device = member.result.device});
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

}  // namespace

void predict_run(const RunFolder& run, const PredictRunOptions& options) {
  const RunResults results = read_results(run);
  if (results.members.empty())
    fail("predict", "no member of {} is done. Go on with it: tutti resume {}", run.path().string(), run.path().string());
  options.engine.use();
  const bool choose_engine = options.engine.engine.empty();
  const std::vector<Member> members = plan(spec_of_run(run));

  ImagePredictions predictions{.class_names = results.class_names};
  std::vector<Tensor> probabilities;
  Images images;
  for (const MemberOutcome& outcome : results.members) {
    Model model = load_member(run, outcome, choose_engine);
    if (images.names.empty())
      images = load_images(options, model.nodes()[static_cast<std::size_t>(model.input_nodes().front())].shape);
    const auto member = std::ranges::find(members, outcome.result.name, &Member::name);
    try {
      probabilities.push_back(model.predict(scaled(images.data, member->spec.data.scale), {.batch_size = options.batch_size}));
    } catch (const Error& error) {
      throw Error(outcome.result.name, error.what());
    }
    predictions.members.emplace_back(outcome.result.name, probabilities.back());
  }
  predictions.ensemble = results.combination.predict(probabilities);
  predictions.images = images.names;
  if (images.data.has_labels())
    for (std::int64_t i = 0; i < images.data.size(); ++i)
      predictions.answers.push_back(class_name(results, images.data.label(i)));

  write_file_atomically(options.preds, preds_csv(predictions.ensemble));
  write_file_atomically(options.pred, pred_csv(predictions.ensemble));
  if (!options.out.empty()) write_file_atomically(options.out, to_npy(predictions.ensemble));
  if (options.json) return print(json_of(predictions));
  print(images_table(predictions, options.show));
  const std::int64_t hidden = images.data.size() - options.show;
  if (hidden > 0) print(fmt::format("and {} more: --show N shows N images\n", hidden));
  print("\n");
  if (images.data.has_labels()) print_accuracies(predictions, images.data.labels());
  print(fmt::format("Wrote {} and {}\n", options.preds.string(), options.pred.string()));
}

}  // namespace tutti::cli
