#include "tutti/experiment/splits.h"

#include <cmath>

#include "tutti/base/error.h"
#include "tutti/data/datasets.h"

namespace tutti {
namespace {

// A share below 1 of `total`, or a number of samples.
std::int64_t count_of(double share, std::int64_t total) {
  return static_cast<std::int64_t>(std::llround(share < 1 ? share * static_cast<double>(total) : share));
}

}  // namespace

Dataset scaled(const Dataset& data, double scale) {
  if (scale == 1.0) return data;
  return data.map([factor = static_cast<float>(scale)](Sample sample) {
    sample.x = sample.x.dtype() == DType::kFloat32 ? sample.x.clone() : sample.x.cast(DType::kFloat32);
    for (float& value : sample.x.data<float>()) value *= factor;
    return sample;
  });
}

Splits load_splits(const DataSpec& spec, bool progress) {
  datasets::LoadOptions options;
  options.dir = spec.dir;
  options.progress = progress;
  options.images.height = spec.height;
  options.images.width = spec.width;
  if (spec.samples > 0) options.shapes.n_train = spec.samples;
  if (spec.limit > 0) options.shapes.n_train = std::min(options.shapes.n_train, spec.limit);
  if (spec.test_limit > 0) options.shapes.n_test = std::min(options.shapes.n_test, spec.test_limit);
  auto [train, test] = datasets::load_dataset(spec.name, options);
  if (!train.has_labels()) fail("data", "{} has no class labels. Expected a set of labelled classes.", spec.name);

  // The files of a folder come class by class.
  Dataset shuffled = train.shuffle(spec.seed);
  if (spec.limit > 0) shuffled = shuffled.take(spec.limit);
  if (test.empty()) std::tie(test, shuffled) = shuffled.split_at(count_of(spec.test, shuffled.size()));
  if (spec.test_limit > 0) test = test.take(spec.test_limit);
  const std::int64_t validation = count_of(spec.validation, shuffled.size());
  if (validation <= 0 || validation >= shuffled.size() || test.empty())
    fail("data",
         "{} training and {} test samples with validation {} leave an empty part. Expected more samples, or another "
         "data.validation.",
         shuffled.size(), test.size(), spec.validation);
  Splits splits{.test = scaled(test, spec.scale)};
  std::tie(splits.validation, splits.train) = scaled(shuffled, spec.scale).split_at(validation);
  return splits;
}

}  // namespace tutti
