// Two runs side by side.
#pragma once

#include <string>

#include "tutti/report/results.h"

namespace tutti {

// What their specs say differently, the members of both by name, and both ensembles; with McNemar's test where both runs were
// tested on the same images. Shares are of the test split.
std::string compare_runs(const RunFolder& first, const RunFolder& second);
// For programs.
std::string compare_runs_json(const RunFolder& first, const RunFolder& second);

}  // namespace tutti
