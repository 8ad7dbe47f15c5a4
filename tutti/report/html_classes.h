// The sections of the HTML report about classes and probabilities.
#pragma once

#include <string>
#include <vector>

#include "tutti/report/results.h"

namespace tutti {

// Of more classes than this not the whole confusion matrix is shown, but its largest entries.
constexpr std::int64_t kMatrixClasses = 25;

struct Confusion {
  std::int64_t truth = 0, predicted = 0, samples = 0;
  std::int64_t of = 0;  // samples of the true class
};
// The entries off the diagonal that are not 0, most samples first, then by class.
std::vector<Confusion> largest_confusions(const std::vector<std::vector<std::int64_t>>& matrix, std::size_t count);

std::string classes_section(const RunResults& results);
std::string confusion_section(const RunResults& results);
std::string reliability_section(const RunResults& results);

}  // namespace tutti
