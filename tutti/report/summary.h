// The results of a run as text.
#pragma once

#include <string>

#include "tutti/report/results.h"

namespace tutti {

// The table of members beside the ensemble.
std::string members_table(const RunResults& results);
// The article's table: for each of the first `images` test images a row a member and one of the ensemble, in percent.
std::string images_table(const RunResults& results, int images = 10);
// How alike the members are: a table of the share of test images where one of two is right and the other wrong, and below the
// diagonal where both are wrong.
std::string diversity_table(const RunResults& results);
std::string summary_markdown(const RunResults& results);
// For programs.
std::string results_json(const RunResults& results);

}  // namespace tutti
