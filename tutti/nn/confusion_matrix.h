// Which classes a classifier takes for which.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tutti/data/dataset.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

struct ConfusionMatrix {
  std::vector<std::vector<std::int64_t>> counts;  // [true class][predicted class]: samples
  std::vector<std::string> class_names;           // one a class: its number if it has no name

  std::size_t classes() const { return counts.size(); }
  std::int64_t samples() const;
  // Of one true class.
  std::int64_t samples_of(std::size_t truth) const;
  // The share of a true class that is recognised, and of all samples; NaN if there are none.
  double recall(std::size_t truth) const;
  double accuracy() const;
};

// An entry off the diagonal.
struct Confusion {
  std::int64_t truth = 0, predicted = 0, samples = 0;
  std::int64_t of = 0;  // samples of the true class
};
// The `count` largest that are not 0, most samples first, then by class.
std::vector<Confusion> largest_confusions(const ConfusionMatrix& matrix, std::size_t count);

// In the order of Keras and scikit-learn. labels: class ids (n,) or (n, 1), or one-hot (n, classes). predictions: class ids
// (n,) or (n, 1) of an integer type; or float32 (n, classes), of which the largest counts; or float32 (n, 1), the probability
// of class 1 of two, as a sigmoid gives it. classes: 0 means as many as predictions has columns, else the largest id + 1. Error
// if the numbers of samples differ, or an id is not in [0, classes).
ConfusionMatrix confusion_matrix(const Tensor& labels, const Tensor& predictions, std::int64_t classes = 0);
// Error if there are no names.
ConfusionMatrix confusion_matrix(const Tensor& labels, const Tensor& predictions, std::vector<std::string> class_names);
// Labels and names of a data set: confusion_matrix(test, model.predict(test)). Error if it has no labels.
ConfusionMatrix confusion_matrix(const Dataset& data, const Tensor& predictions);

}  // namespace tutti
