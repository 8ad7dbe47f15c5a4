// The report of a run as one HTML file that needs no other.
#pragma once

#include <string>

#include "tutti/report/results.h"

namespace tutti {

std::string report_html(const RunResults& results);

}  // namespace tutti
