#include <algorithm>
#include <memory>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/predict_run.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/npy.h"
#include "tutti/ensemble/combine.h"
#include "tutti/ensemble/statistics.h"
#include "tutti/ensemble/weights.h"

namespace fs = std::filesystem;

namespace tutti::cli {
namespace {

struct Arguments {
  std::vector<fs::path> models;
  DataArguments data;
  EngineArguments engine;
  fs::path npy, images, store = default_store(), out, preds, pred;
  std::int64_t show = 10;
  std::string weights = "uniform";
  int batch_size = 256;
  bool json = false, standing = false;
};

// A folder stands for the model files in it, by name.
std::vector<fs::path> model_files(const std::vector<fs::path>& given) {
  std::vector<fs::path> files;
  std::error_code code;
  for (const fs::path& path : given) {
    if (!fs::is_directory(path, code)) {
      files.push_back(path);
      continue;
    }
    std::vector<fs::path> inside;
    for (const auto& entry : fs::directory_iterator(path))
      if (entry.path().extension() == ".h5" || entry.path().extension() == ".hdf5") inside.push_back(entry.path());
    if (inside.empty()) fail("predict", "there is no .h5 or .hdf5 file in {}.", path.string());
    std::sort(inside.begin(), inside.end());
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

// accuracy, uniform, or "0.7,0.8".
std::vector<double> weights_of(const std::string& text, const std::vector<fs::path>& files) {
  if (text == "uniform") return std::vector<double>(files.size(), 1.0);
  std::vector<double> weights;
  if (text == "accuracy") {
    for (const fs::path& file : files) {
      const auto accuracy = accuracy_in_file_name(file);
      if (!accuracy)
        fail("--weights accuracy", "the name of {} tells no accuracy. Expected ENGINE_ACCURACY_model.h5, or --weights 0.7,0.8.",
             file.string());
      weights.push_back(*accuracy);
    }
    return accuracy_weights(weights);
  }
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) weights.push_back(number_of(part, "--weights"));
  if (weights.size() != files.size())
    fail("--weights", "expected accuracy, uniform, or one number for each of {} models. Got '{}'.", files.size(), text);
  return weights;
}

Tensor predict_models(const Arguments& arguments, const std::vector<fs::path>& files, const std::vector<double>& weights,
                      const Dataset& data) {
  Tensor x;
  if (!arguments.npy.empty()) x = read_npy(arguments.npy).cast(DType::kFloat32);
  std::vector<Tensor> predictions;
  for (const fs::path& file : files) {
    Model model = load_weighted_model(file);
    const PredictOptions options{.batch_size = arguments.batch_size};
    try {
      predictions.push_back(arguments.npy.empty() ? model.predict(data, options) : model.predict(x, options));
    } catch (const Error& error) {
      throw Error(file.string(), error.what());
    }
  }
  return predictions.size() == 1 ? predictions.front() : combine(predictions, weights);
}

void print_rows(const Tensor& probabilities, const Dataset& data, bool json) {
  const std::vector<std::int64_t> classes = argmax_rows(probabilities);
  const std::int64_t width = probabilities.shape()[1];
  const std::vector<std::string>& names = data.class_names();
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (std::size_t row = 0; row < classes.size(); ++row) {
    const float rate =
        probabilities.data<float>()[row * static_cast<std::size_t>(width) + static_cast<std::size_t>(classes[row])];
    const auto known = static_cast<std::size_t>(classes[row]);
    const std::string name = known < names.size() ? names[known] : "";
    if (json)
      rows.push_back({{"prediction", classes[row]}, {"name", name}, {"rate", rate}});
    else
      print(fmt::format("{:>6}  {:>3} {:<12} {:.4f}\n", row + 1, classes[row], name, rate));
  }
  if (json) print(rows.dump(2) + "\n");
}

// One word that is no model file: a run's folder, or its name in the store.
bool is_run_name(const Arguments& arguments) {
  if (arguments.models.size() != 1) return false;
  std::error_code code;
  const fs::path& path = arguments.models.front();
  if (fs::exists(path, code)) return fs::exists(path / "spec.yaml", code);
  return path.extension() != ".h5" && path.extension() != ".hdf5" && path.extension() != ".keras";
}

void predict_as_run(const Arguments& arguments) {
  if (arguments.images.empty() == arguments.data.name.empty())
    fail("predict", "expected either --images DIR or --data NAME for the run {}.", arguments.models.front().string());
  if (!arguments.npy.empty()) fail("predict", "--npy is for model files. Expected --images DIR or --data NAME for a run.");
  if (arguments.weights != "uniform")
    fail("predict", "--weights is for model files: a run has its own weights (ensemble: in its spec).");
  if (arguments.data.scale != "1") fail("predict", "--scale is for model files: a run's members have their own data.scale.");
  if (!arguments.images.empty() && arguments.data.limit > 0) fail("predict", "--limit is for --data.");
  PredictRunOptions options{.data = arguments.data,
                            .images = arguments.images,
                            .engine = arguments.engine,
                            .out = arguments.out,
                            .batch_size = arguments.batch_size,
                            .show = arguments.show,
                            .json = arguments.json};
  if (!arguments.preds.empty()) options.preds = arguments.preds;
  if (!arguments.pred.empty()) options.pred = arguments.pred;
  if (arguments.standing) return predict_standing(arguments.store / arguments.models.front(), options);
  predict_run(find_run(arguments.store, arguments.models.front().string()), options);
}

void predict(const Arguments& arguments) {
  if (arguments.standing || is_run_name(arguments)) return predict_as_run(arguments);
  if (!arguments.images.empty()) fail("predict", "--images is for a run: tutti predict RUN --images DIR.");
  if (arguments.npy.empty() == arguments.data.name.empty()) fail("predict", "expected either --npy FILE or --data NAME.");
  arguments.engine.use();
  const std::vector<fs::path> files = model_files(arguments.models);
  const std::vector<double> weights = weights_of(arguments.weights, files);
  const Dataset data = arguments.data.name.empty() ? Dataset() : arguments.data.load();
  const Tensor probabilities = predict_models(arguments, files, weights, data);
  const bool table = probabilities.shape().rank() == 2;
  if (!arguments.out.empty()) write_file_atomically(arguments.out, to_npy(probabilities));
  if (!arguments.preds.empty()) write_file_atomically(arguments.preds, preds_csv(probabilities));
  if (!arguments.pred.empty()) write_file_atomically(arguments.pred, pred_csv(probabilities));
  const bool written = !arguments.out.empty() || !arguments.preds.empty() || !arguments.pred.empty();
  if (!written || arguments.json) {
    if (!table)
      fail("predict", "the output has shape {}, which is no table. Expected --out FILE.npy.", to_string(probabilities.shape()));
    print_rows(probabilities, data, arguments.json);
  } else if (table && data.has_labels()) {
    print(fmt::format("accuracy {:.4f} on {} samples\n", score(probabilities, data.labels()).accuracy, data.size()));
  }
}

}  // namespace

void add_predict(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("predict", "Predict with the members of a run and their ensemble, or with model files");
  command.option("RUN|MODEL", arguments->models, "a run, or model files (.h5, .hdf5) or folders of them").required();
  command.option("--images", arguments->images, "with a run: an image (JPEG, PNG) or a folder of them");
  command.option("--store", arguments->store, "with a run: folder of all runs ($TUTTI_STORE)").show_default();
  command.flag("--standing", arguments->standing, "with an experiment's name: by its standing ensemble (tutti ensemble list)");
  command.option("--show", arguments->show, "with a run: images in the table").not_negative().show_default();
  command.option("--npy", arguments->npy, "with model files: input array (n, ...)");
  command.option("--out", arguments->out, "write the probabilities to this .npy file");
  command.option("--preds", arguments->preds, "write preds.csv: a row an image, a probability a class (with a run always)");
  command.option("--pred", arguments->pred, "write pred.csv: prediction,rate (with a run always)");
  command.option("--weights", arguments->weights, "uniform, accuracy (from the names ENGINE_ACCURACY_model.h5) or 0.7,0.8")
      .show_default();
  arguments->data.add(command);
  arguments->engine.add(command);
  command.option("--batch-size", arguments->batch_size, "samples at a time").positive().show_default();
  command.flag("--json", arguments->json, "print the predictions as JSON");
  command.examples({"tutti predict cifar10-cnn --images ~/photos", "tutti predict cifar10-cnn --data cifar10 --limit 100",
                    "tutti predict model.h5 --npy images.npy --out probabilities.npy",
                    "tutti predict models/*_model.h5 --weights accuracy --data cifar10 --limit 100 --pred pred.csv"});
  command.on_run([arguments, &code] {
    predict(*arguments);
    code = kOk;
  });
}

}  // namespace tutti::cli
