// The results of a run as text.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tutti/report/results.h"

namespace tutti {

// The table of members beside the ensemble.
std::string members_table(const RunResults& results);
// The article's table: for each of the first `images` test images a row a member and one of the ensemble, in percent.
std::string images_table(const RunResults& results, int images = 10);
// The same of any images.
struct ImagePredictions {
  std::vector<std::string> images;   // a name each
  std::vector<std::string> answers;  // the true class of each; empty if not known
  std::vector<std::string> class_names;
  std::vector<std::pair<std::string, Tensor>> members;  // name, probabilities float32 (n, classes)
  Tensor ensemble;
};
std::string images_table(const ImagePredictions& predictions, std::int64_t images);

// How alike the members are: a table of the share of test images where one of two is right and the other wrong, and below the
// diagonal where both are wrong.
std::string diversity_table(const RunResults& results);
std::string summary_markdown(const RunResults& results);
// For programs.
std::string results_json(const RunResults& results);

}  // namespace tutti
