#include "tutti/data/dataset.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "tutti/base/error.h"
#include "tutti/base/parallel.h"
#include "tutti/base/philox.h"

namespace tutti {
namespace {

// Samples that one thread copies at a time, so that a small set starts no other thread.
constexpr std::int64_t kCopyGrain = 1024;

void convert(const std::uint8_t* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]);
}

Shape with_rows(std::int64_t rows, const Shape& sample) {
  std::vector<std::int64_t> extents{rows};
  extents.insert(extents.end(), sample.begin(), sample.end());
  return Shape(std::move(extents));
}

Shape without_rows(const Shape& shape) { return Shape(std::vector<std::int64_t>(shape.begin() + 1, shape.end())); }

class TensorSource : public DatasetSource {
 public:
  TensorSource(DatasetInfo info, Tensor x, Tensor y) : DatasetSource(std::move(info)), x_(std::move(x)), y_(std::move(y)) {
    elements_ = this->info().sample_shape.elements();
    target_elements_ = this->info().target_shape.elements();
  }
  void read(std::int64_t index, void* x) const override {
    const std::size_t bytes = static_cast<std::size_t>(elements_) * size_of(x_.dtype());
    std::memcpy(x, static_cast<const std::byte*>(x_.raw()) + static_cast<std::size_t>(index) * bytes, bytes);
  }
  void read_float(std::int64_t index, float* x) const override {
    if (x_.dtype() == DType::kFloat32) return read(index, x);
    convert(static_cast<const std::uint8_t*>(x_.raw()) + index * elements_, x, elements_);
  }
  std::int64_t label(std::int64_t index) const override {
    return info().has_labels ? static_cast<const std::int32_t*>(y_.raw())[index] : -1;
  }
  void read_target(std::int64_t index, float* target) const override {
    const auto* from = static_cast<const float*>(y_.raw()) + index * target_elements_;
    std::copy(from, from + target_elements_, target);
  }

 private:
  Tensor x_, y_;  // y_: int32 (n,) labels, float32 (n, ...) targets, or empty
  std::int64_t elements_ = 0, target_elements_ = 0;
};

// Chosen samples of another source, in another order.
class SubsetSource : public DatasetSource {
 public:
  SubsetSource(DatasetInfo info, std::shared_ptr<const DatasetSource> base, std::vector<std::int64_t> indices)
      : DatasetSource(std::move(info)), base_(std::move(base)), indices_(std::move(indices)) {}
  void read(std::int64_t index, void* x) const override { base_->read(at(index), x); }
  void read_float(std::int64_t index, float* x) const override { base_->read_float(at(index), x); }
  std::int64_t label(std::int64_t index) const override { return base_->label(at(index)); }
  void read_target(std::int64_t index, float* target) const override { base_->read_target(at(index), target); }
  const std::shared_ptr<const DatasetSource>& base() const { return base_; }
  std::int64_t at(std::int64_t index) const { return indices_[static_cast<std::size_t>(index)]; }

 private:
  std::shared_ptr<const DatasetSource> base_;
  std::vector<std::int64_t> indices_;
};

class MapSource : public DatasetSource {
 public:
  MapSource(DatasetInfo info, Dataset base, std::function<Sample(Sample)> function)
      : DatasetSource(std::move(info)), base_(std::move(base)), function_(std::move(function)) {}
  void read(std::int64_t index, void* x) const override {
    const Sample sample = function_(base_.get(index));
    if (sample.x.shape() != info().sample_shape || sample.x.dtype() != info().dtype)
      fail("Dataset.map", "the function must give every sample the type of the first one. Expected {}. Got {} for sample {}.",
           to_string(TensorType{info().dtype, info().sample_shape}), to_string(sample.x.type()), index);
    std::memcpy(x, sample.x.raw(), sample.x.bytes());
  }
  std::int64_t label(std::int64_t index) const override {
    const std::int64_t label = function_(base_.get(index)).y;
    if (info().has_labels && (label < 0 || (info().classes > 0 && label >= info().classes)))
      fail("Dataset.map", "the function must give a class index in [0, {}). Got {} for sample {}.", info().classes, label,
           index);
    return label;
  }
  void read_target(std::int64_t index, float* target) const override { base_.source().read_target(index, target); }

 private:
  Dataset base_;
  std::function<Sample(Sample)> function_;
};

// Integer labels as int32 (n,), checked.
Tensor checked_labels(const Tensor& y, std::size_t names) {
  const Tensor labels = y.reshape({y.shape()[0]}).cast(DType::kInt32);
  const auto values = labels.data<std::int32_t>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0)
      fail("Dataset", "labels are class indices and must not be negative; pass float32 for targets. Got {} at row {}.",
           values[i], i);
    if (names > 0 && static_cast<std::size_t>(values[i]) >= names)
      fail("Dataset", "a label has no class name. Expected labels below {}. Got {} at row {}.", names, values[i], i);
  }
  return labels;
}

}  // namespace

void DatasetSource::read_float(std::int64_t index, float* x) const {
  if (info_.dtype == DType::kFloat32) return read(index, x);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(info_.sample_shape.elements()));
  read(index, pixels.data());
  convert(pixels.data(), x, info_.sample_shape.elements());
}

Dataset::Dataset() : Dataset(from_tensors(Tensor({0, 0}, DType::kUInt8), Tensor())) {}

Dataset Dataset::from_tensors(Tensor x, Tensor y, std::vector<std::string> class_names) {
  if (x.shape().rank() == 0) fail("Dataset", "x needs a first axis of samples. Got a scalar.");
  DatasetInfo info;
  info.size = x.shape()[0];
  info.sample_shape = without_rows(x.shape());
  if (x.dtype() != DType::kUInt8 && x.dtype() != DType::kFloat32) x = x.cast(DType::kFloat32);
  info.dtype = x.dtype();
  info.class_names = std::move(class_names);
  // A default-constructed y means "none".
  if (!y.raw()) return Dataset(std::make_shared<TensorSource>(std::move(info), std::move(x), std::move(y)));
  if (y.shape().rank() == 0 || y.shape()[0] != info.size)
    fail("Dataset", "x and y need as many rows. Got x {}, y {}.", to_string(x.shape()), to_string(y.shape()));
  if (y.dtype() == DType::kFloat32 || y.dtype() == DType::kFloat64) {
    info.has_targets = true;
    info.target_shape = without_rows(y.shape());
    if (y.dtype() == DType::kFloat64) y = y.cast(DType::kFloat32);
  } else {
    if (y.shape().rank() > 2 || (y.shape().rank() == 2 && y.shape()[1] != 1))
      fail("Dataset", "integer labels are one class index a sample; pass float32 for targets. Expected shape ({},). Got {}.",
           info.size, to_string(y.shape()));
    y = checked_labels(y, info.class_names.size());
    info.has_labels = true;
    info.classes = static_cast<std::int64_t>(info.class_names.size());
    if (info.classes == 0)
      for (const std::int32_t label : y.data<std::int32_t>()) info.classes = std::max<std::int64_t>(info.classes, label + 1);
  }
  return Dataset(std::make_shared<TensorSource>(std::move(info), std::move(x), std::move(y)));
}

void Dataset::check_index(std::int64_t index) const {
  if (index < 0 || index >= size()) fail("Dataset", "no such sample. Expected an index in [0, {}). Got {}.", size(), index);
}

Sample Dataset::get(std::int64_t index) const {
  check_index(index);
  Sample sample{Tensor(sample_shape(), dtype()), source_->label(index)};
  source_->read(index, sample.x.raw());
  return sample;
}

std::int64_t Dataset::label(std::int64_t index) const {
  if (!has_labels()) fail("Dataset", "the data set has no labels.");
  check_index(index);
  return source_->label(index);
}

std::pair<Dataset, Dataset> Dataset::split_at(std::int64_t count) const {
  if (count < 0 || count > size()) fail("Dataset.split_at", "expected a count in [0, {}]. Got {}.", size(), count);
  return {take(count), skip(count)};
}

Dataset Dataset::take(std::int64_t n) const {
  if (n < 0) fail("Dataset.take", "the number of samples must not be negative. Got {}.", n);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(std::min(n, size())));
  std::iota(indices.begin(), indices.end(), 0);
  return subset(std::move(indices));
}

Dataset Dataset::skip(std::int64_t n) const {
  if (n < 0) fail("Dataset.skip", "the number of samples must not be negative. Got {}.", n);
  n = std::min(n, size());
  std::vector<std::int64_t> indices(static_cast<std::size_t>(size() - n));
  std::iota(indices.begin(), indices.end(), n);
  return subset(std::move(indices));
}

Dataset Dataset::subset(std::vector<std::int64_t> indices) const {
  for (const std::int64_t index : indices) check_index(index);
  DatasetInfo info = source_->info();
  info.size = static_cast<std::int64_t>(indices.size());
  std::shared_ptr<const DatasetSource> base = source_;
  // A subset of a subset reads its base directly.
  if (const auto* subset = dynamic_cast<const SubsetSource*>(source_.get())) {
    for (std::int64_t& index : indices) index = subset->at(index);
    base = subset->base();
  }
  return Dataset(std::make_shared<SubsetSource>(std::move(info), std::move(base), std::move(indices)));
}

Dataset Dataset::shuffle(std::uint64_t seed) const { return subset(permutation(size(), seed, "shuffle")); }

Dataset Dataset::map(std::function<Sample(Sample)> function) const {
  DatasetInfo info = source_->info();
  if (info.size > 0) {
    const Sample first = function(get(0));
    info.sample_shape = first.x.shape();
    info.dtype = first.x.dtype();
    if (info.dtype != DType::kUInt8 && info.dtype != DType::kFloat32)
      fail("Dataset.map", "the function must give uint8 or float32. Got {}.", to_string(first.x.type()));
  }
  return Dataset(std::make_shared<MapSource>(std::move(info), *this, std::move(function)));
}

Tensor Dataset::images() const {
  Tensor images(with_rows(size(), sample_shape()), dtype());
  const std::size_t bytes = TensorType{dtype(), sample_shape()}.bytes();
  auto* to = static_cast<std::byte*>(images.raw());
  parallel_for(0, size(), kCopyGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) source_->read(i, to + static_cast<std::size_t>(i) * bytes);
  });
  return images;
}

Tensor Dataset::labels() const {
  if (!has_labels()) fail("Dataset.labels", "the data set has no labels.");
  Tensor labels({size()}, DType::kInt32);
  const auto to = labels.data<std::int32_t>();
  for (std::int64_t i = 0; i < size(); ++i) to[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(source_->label(i));
  return labels;
}

Tensor Dataset::targets() const {
  if (!has_targets()) fail("Dataset.targets", "the data set has no float targets.");
  const Shape& shape = source_->info().target_shape;
  Tensor targets(with_rows(size(), shape));
  auto* to = static_cast<float*>(targets.raw());
  for (std::int64_t i = 0; i < size(); ++i) source_->read_target(i, to + i * shape.elements());
  return targets;
}

Batch Dataset::batch(std::span<const std::int64_t> indices) const {
  for (const std::int64_t index : indices) check_index(index);
  const auto rows = static_cast<std::int64_t>(indices.size());
  const DatasetInfo& info = source_->info();
  Batch batch{Tensor(with_rows(rows, info.sample_shape)), Tensor()};
  if (info.has_labels) batch.y = Tensor({rows}, DType::kInt32);
  if (info.has_targets) batch.y = Tensor(with_rows(rows, info.target_shape));
  auto* x = static_cast<float*>(batch.x.raw());
  const std::int64_t elements = info.sample_shape.elements();
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t index = indices[static_cast<std::size_t>(row)];
    source_->read_float(index, x + row * elements);
    if (info.has_labels) static_cast<std::int32_t*>(batch.y.raw())[row] = static_cast<std::int32_t>(source_->label(index));
    if (info.has_targets) source_->read_target(index, static_cast<float*>(batch.y.raw()) + row * info.target_shape.elements());
  }
  return batch;
}

Batch Dataset::batch(std::int64_t begin, std::int64_t end) const {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(std::max<std::int64_t>(0, end - begin)));
  std::iota(indices.begin(), indices.end(), begin);
  return batch(indices);
}

std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed, const char* stream, std::uint64_t step) {
  if (count < 0 || count > std::int64_t{0xFFFFFFFF}) fail("permutation", "expected a count in [0, 2^32). Got {}.", count);
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  const Philox random(seed, stream_of(stream), step);
  for (std::int64_t i = count - 1; i > 0; --i) {
    const std::uint32_t other = random.below(static_cast<std::uint64_t>(i), static_cast<std::uint32_t>(i + 1));
    std::swap(order[static_cast<std::size_t>(i)], order[other]);
  }
  return order;
}

}  // namespace tutti
