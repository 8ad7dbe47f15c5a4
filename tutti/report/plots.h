// Learning curves.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tutti/report/results.h"

namespace tutti {

struct Curve {
  std::string label;
  std::vector<double> y;  // by epoch, from 1; NaN leaves a gap
  bool dashed = false;    // training; a full line is validation
  int color = 0;          // index of a member
};

// `metric` ("loss") of all members: the training curve dashed, the validation curve full.
std::vector<Curve> curves_of(const RunResults& results, const std::string& metric);

// An SVG picture of its own, that stands in HTML as it is.
std::string svg_plot(const std::string& title, const std::vector<Curve>& curves);

// loss.png, loss.svg, accuracy.png, accuracy.svg, drawn by gnuplot. Without gnuplot a warning says what to install and
// nothing else is lost; the SVG files are then drawn by svg_plot().
void write_plots(const std::filesystem::path& folder, const RunResults& results);

}  // namespace tutti
