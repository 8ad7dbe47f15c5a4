// The style sheet of the HTML report.
#pragma once

#include <string>

namespace tutti {

// Light and dark as the reader's system is, from 360 pixels of width on, and for paper.
std::string report_style();

}  // namespace tutti
