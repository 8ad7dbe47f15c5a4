// The sections of the HTML report about classes and probabilities.
#pragma once

#include <string>
#include <vector>

#include "tutti/report/results.h"

namespace tutti {

// Of more classes than this not the whole confusion matrix is shown, but its largest entries.
constexpr std::int64_t kMatrixClasses = 25;

std::string classes_section(const RunResults& results);
std::string confusion_section(const RunResults& results);
std::string reliability_section(const RunResults& results);

}  // namespace tutti
