#include "tutti/experiment/splits.h"

#include <algorithm>
#include <cmath>

#include "tutti/base/error.h"
#include "tutti/data/datasets.h"

namespace tutti {
namespace {

// A share below 1 of `total`, or a number of samples.
std::int64_t count_of(double share, std::int64_t total) {
  return static_cast<std::int64_t>(std::llround(share < 1 ? share * static_cast<double>(total) : share));
}

datasets::TrainTest load(const DataSpec& spec, bool progress) {
  datasets::LoadOptions options;
  options.dir = spec.dir;
  options.progress = progress;
  options.images.height = spec.height;
  options.images.width = spec.width;
  if (spec.samples > 0) options.shapes.n_train = spec.samples;
  if (spec.limit > 0) options.shapes.n_train = std::min(options.shapes.n_train, spec.limit);
  if (spec.test_limit > 0) options.shapes.n_test = std::min(options.shapes.n_test, spec.test_limit);
  datasets::TrainTest data = datasets::load_dataset(spec.name, options);
  if (!data.first.has_labels()) fail("data", "{} has no class labels. Expected a set of labelled classes.", spec.name);
  return data;
}

// `train` and `test`: the samples of the set's own splits.
SplitIndices divide(const DataSpec& spec, std::int64_t train, std::int64_t test) {
  // The files of a folder come class by class.
  const std::vector<std::int64_t> order = permutation(train, spec.seed, "shuffle");
  const std::int64_t size = spec.limit > 0 ? std::min(spec.limit, train) : train;
  const std::int64_t test_end = test > 0 ? 0 : std::min(count_of(spec.test, size), size);
  const std::int64_t validation = count_of(spec.validation, size - test_end);
  if (validation <= 0 || test_end + validation >= size || test + test_end <= 0)
    fail("data",
         "{} training and {} test samples with validation {} leave an empty part. Expected more samples, or another "
         "data.validation.",
         size, test, spec.validation);
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    return std::vector<std::int64_t>(order.begin() + begin, order.begin() + end);
  };
  return {.train = part(test_end + validation, size),
          .validation = part(test_end, test_end + validation),
          .test = part(0, test_end)};
}

}  // namespace

bool is_at_hand(const DataSpec& spec) {
  if (!datasets::is_known(spec.name) || spec.name == "shapes") return true;
  datasets::Options options;
  options.dir = spec.dir;
  return datasets::find(spec.name, options).has_value();
}

Dataset scaled(const Dataset& data, double scale) {
  if (scale == 1.0) return data;
  return data.map([factor = static_cast<float>(scale)](Sample sample) {
    sample.x = sample.x.dtype() == DType::kFloat32 ? sample.x.clone() : sample.x.cast(DType::kFloat32);
    for (float& value : sample.x.data<float>()) value *= factor;
    return sample;
  });
}

Splits load_splits(const DataSpec& spec, bool progress) {
  auto [train, test] = load(spec, progress);
  const SplitIndices indices = divide(spec, train.size(), test.size());
  if (!indices.test.empty()) test = train.subset(indices.test);
  if (spec.test_limit > 0) test = test.take(spec.test_limit);
  return {.train = scaled(train.subset(indices.train), spec.scale),
          .validation = scaled(train.subset(indices.validation), spec.scale),
          .test = scaled(test, spec.scale)};
}

SplitIndices split_indices(const DataSpec& spec) {
  const auto [train, test] = load(spec, false);
  return divide(spec, train.size(), test.size());
}

}  // namespace tutti
