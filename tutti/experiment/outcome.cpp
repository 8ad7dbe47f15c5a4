#include "tutti/experiment/outcome.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/log.h"
#include "tutti/data/npy.h"
#include "tutti/ensemble/combine.h"
#include "tutti/ensemble/statistics.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

// Larger than a training batch: nothing is kept for a backward pass.
constexpr int kPredictBatch = 256;

// A model's predictions of one split.
struct Predictions {
  std::string split;
  Tensor probabilities, labels;
  SplitResult result;
};

Predictions predict(Model& model, const Dataset& data, const std::string& split) {
  Predictions predictions{split, model.predict(data, {.batch_size = kPredictBatch}), data.labels(), {}};
  const Shape& shape = predictions.probabilities.shape();
  if (shape.rank() != 2 || (data.classes() > 0 && shape[1] != data.classes()))
    fail("member", "the model gives {} for each sample, the data has {} classes. Expected a probability a class.",
         to_string(Shape(std::vector<std::int64_t>(shape.begin() + 1, shape.end()))), data.classes());
  constexpr float kSlack = 1e-3f;  // of rounding
  for (const float value : predictions.probabilities.data<float>())
    if (!(value >= -kSlack && value <= 1 + kSlack))
      fail("member", "the model gives {} for a class. Expected probabilities from 0 to 1: a softmax at its end.", value);
  const Score result = score(predictions.probabilities, predictions.labels);
  predictions.result = {.loss = result.log_loss, .accuracy = result.accuracy, .samples = result.samples};
  return predictions;
}

}  // namespace

std::int64_t peak_memory() {
  // A program's memory is its own; where it is the larger one, it is what the member took.
  rusage own{}, child{};
  ::getrusage(RUSAGE_SELF, &own);
  ::getrusage(RUSAGE_CHILDREN, &child);
  return std::int64_t{std::max(own.ru_maxrss, child.ru_maxrss)} * 1024;  // Linux gives KiB
}

void insist(const std::function<void()>& write) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kPause = std::chrono::milliseconds(500);
  const std::chrono::duration<double> patience(std::atof(env("TUTTI_STORE_PATIENCE", "120").c_str()));
  const auto begin = Clock::now();
  for (bool warned = false;; warned = true) try {
      return write();
    } catch (const Error& error) {
      if (Clock::now() - begin > patience) throw;
      if (!warned) log_warning("{} Trying again for {:g} seconds.", error.what(), patience.count());
      check_interrupt();
      std::this_thread::sleep_for(kPause);
    }
}

fs::path named_model_file(const MemberResult& result) {
  return fs::path(model_file_name(result.engine, result.validation.accuracy))
      .replace_extension(fs::path(result.model_file).extension());
}

void write_outcome(const MemberFolder& folder, MemberResult result, Model& model, const Splits& splits, const fs::path& file) {
  const Predictions validation = predict(model, splits.validation, "validation"), test = predict(model, splits.test, "test");
  result.validation = validation.result;
  result.test = test.result;
  result.parameters = model.count_params();
  result.class_names = splits.test.class_names();
  result.model_file = file.empty() ? "model.h5" : file.filename().string();
  result.peak_memory = peak_memory();
  const fs::path named = folder.path() / named_model_file(result);
  insist([&] {
    folder.check_run();
    for (const Predictions* split : {&validation, &test}) {
      folder.write_file(split->split + ".npy", to_npy(split->probabilities));
      folder.write_file(split->split + "_labels.npy", to_npy(split->labels));
    }
    if (file.empty()) {
      model.save(folder.path() / result.model_file);
      model.save(named);
    } else {
      if (file.parent_path() != folder.path()) folder.write_file(result.model_file, read_file(file));
      folder.write_file(named.filename().string(), read_file(file));
    }
    folder.write_result(result);
  });
  display().text(fmt::format("{}: validation accuracy {:.4f}, test accuracy {:.4f}\n", result.name, result.validation.accuracy,
                             result.test.accuracy));
}

}  // namespace tutti
