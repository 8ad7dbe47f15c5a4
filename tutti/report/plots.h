// Learning curves.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tutti/report/charts.h"
#include "tutti/report/results.h"

namespace tutti {

// `metric` ("loss") of all members: the training curve dashed, the validation curve full.
std::vector<Curve> curves_of(const RunResults& results, const std::string& metric);

// loss.png, loss.svg, accuracy.png, accuracy.svg, drawn by gnuplot. Without gnuplot a warning says what to install and
// nothing else is lost; the SVG files are then drawn by svg_plot().
void write_plots(const std::filesystem::path& folder, const RunResults& results);

}  // namespace tutti
