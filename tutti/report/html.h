// The report of a run as one HTML file that needs no other.
#pragma once

#include <string>

#include "tutti/data/dataset.h"
#include "tutti/report/results.h"

namespace tutti {

// test: the samples that results.labels belong to, of which some are shown; empty if they are not at hand.
std::string report_html(const RunResults& results, const Dataset& test);

}  // namespace tutti
