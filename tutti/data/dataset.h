// Dataset: a cheap handle on samples of one shape, with class labels or float targets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tutti/tensor/tensor.h"

namespace tutti {

// One sample: x without batch axis, uint8 or float32, and its class index (-1 if the set has no class labels).
struct Sample {
  Tensor x;
  std::int64_t y = -1;
};

// Samples stacked on a new first axis. x: float32 (n, ...). y: int32 (n,) class indices, or float32 (n, ...) targets,
// or empty when the set has neither.
struct Batch {
  Tensor x, y;
};

// What every sample of a set has in common.
struct DatasetInfo {
  std::int64_t size = 0;
  Shape sample_shape;                    // without the batch axis; images are (h, w, c)
  DType dtype = DType::kUInt8;           // uint8 or float32
  bool has_labels = false;               // class indices
  bool has_targets = false;              // float targets instead
  Shape target_shape;                    // of one float target
  std::int64_t classes = 0;              // 0 if unknown
  std::vector<std::string> class_names;  // empty, or one for each class
};

// Where samples come from; immutable, read from several threads at once.
class DatasetSource {
 public:
  explicit DatasetSource(DatasetInfo info) : info_(std::move(info)) {}
  virtual ~DatasetSource() = default;
  const DatasetInfo& info() const { return info_; }
  // Copies sample `index` to `x`, in info().dtype; index is in [0, size).
  virtual void read(std::int64_t index, void* x) const = 0;
  // The same as float32: the pixel value v becomes the float v.
  virtual void read_float(std::int64_t index, float* x) const;
  virtual std::int64_t label(std::int64_t) const { return -1; }
  // Copies the float target of sample `index`, info().target_shape.elements() values.
  virtual void read_target(std::int64_t, float*) const {}

 private:
  DatasetInfo info_;
};

// A value: copies share the source, and every operation below makes a new view of it without copying samples.
class Dataset {
 public:
  // An empty set: size 0, sample shape (0,).
  Dataset();
  explicit Dataset(std::shared_ptr<const DatasetSource> source) : source_(std::move(source)) {}

  // x (n, ...): uint8 and float32 are kept as they are and shared, other types become float32. y: integer labels (n,) or
  // (n, 1), not negative; or float targets (n, ...); or empty. Error if the numbers of rows differ or a label has no name.
  static Dataset from_tensors(Tensor x, Tensor y, std::vector<std::string> class_names = {});

  std::int64_t size() const { return source_->info().size; }
  bool empty() const { return size() == 0; }
  Shape sample_shape() const { return source_->info().sample_shape; }
  DType dtype() const { return source_->info().dtype; }
  bool has_labels() const { return source_->info().has_labels; }
  bool has_targets() const { return source_->info().has_targets; }
  // The number of classes: that of class_names, else the largest label + 1; 0 if there are no labels.
  std::int64_t classes() const { return source_->info().classes; }
  const std::vector<std::string>& class_names() const { return source_->info().class_names; }
  const DatasetSource& source() const { return *source_; }

  // Error if index is not in [0, size()).
  Sample get(std::int64_t index) const;
  // The class index of one sample. Error if the set has no labels.
  std::int64_t label(std::int64_t index) const;

  // The first `count` samples, and the rest. Error if count is not in [0, size()].
  std::pair<Dataset, Dataset> split_at(std::int64_t count) const;
  // The first n samples, or all if there are fewer. Error if n < 0.
  Dataset take(std::int64_t n) const;
  // All but the first n samples. Error if n < 0.
  Dataset skip(std::int64_t n) const;
  // Error if an index is not in [0, size()); an index may occur more than once.
  Dataset subset(std::vector<std::int64_t> indices) const;
  // In the order of permutation(size(), seed, "shuffle").
  Dataset shuffle(std::uint64_t seed) const;
  // `function` is applied whenever a sample is read, possibly by several threads; every result must have the shape and
  // type (uint8 or float32) of the first one. Float targets pass unchanged.
  Dataset map(std::function<Sample(Sample)> function) const;

  // All samples stacked: (size, ...), in dtype(). A copy.
  Tensor images() const;
  // int32 (size,). Error if the set has no labels.
  Tensor labels() const;
  // float32 (size, ...). Error if the set has no float targets.
  Tensor targets() const;
  // The samples `indices` stacked and converted to float32; the pixel value v becomes the float v, not v / 255 (models
  // have a Rescaling layer). Error if an index is not in [0, size()).
  Batch batch(std::span<const std::int64_t> indices) const;
  // The samples [begin, end).
  Batch batch(std::int64_t begin, std::int64_t end) const;

 private:
  void check_index(std::int64_t index) const;
  std::shared_ptr<const DatasetSource> source_;
};

// A permutation of 0 .. count - 1 (Fisher-Yates from the end) drawn from Philox(seed, stream_of(stream), step). Error if
// count is not in [0, 2^32).
std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed, const char* stream, std::uint64_t step = 0);

}  // namespace tutti
