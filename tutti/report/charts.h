// Charts as SVG.
#pragma once

#include <string>
#include <vector>

#include "tutti/ensemble/statistics.h"

namespace tutti {

struct Curve {
  std::string label;
  std::vector<double> y;  // by epoch, from 1; NaN leaves a gap
  bool dashed = false;    // training; a full line is validation
  int color = 0;          // index of a member
};

// The number of epochs of the longest curve, at least 1.
std::size_t longest(const std::vector<Curve>& curves);
// 1, 2 or 5 times a power of ten, about `count` of them in `span`.
double tick_step(double span, int count);

// Okabe and Ito's colours, which people with any colour vision tell apart; they repeat.
constexpr int kColors = 7;
const char* color_of(int index);

// A picture of its own: white paper, black letters, a legend, and no style sheet that a page around it would take over. Its
// axis has at least `epochs` epochs.
std::string svg_plot(const std::string& title, const std::vector<Curve>& curves, std::size_t epochs = 0);

// The charts below are parts of a page, which gives the classes c0 ... c6 (members), ink, grid and frame their colours.

// The same without paper, title and legend.
std::string svg_curves(const std::vector<Curve>& curves);

// Accuracy against confidence: a bar for each bin, up to its accuracy; the dashed diagonal is perfect calibration. Bins of
// fewer than kFewSamples samples are faint.
constexpr int kFewSamples = 10;
std::string svg_reliability(const std::vector<ReliabilityBin>& bins);

// A part of the range [low, high] of accuracies.
struct AccuracyAxis {
  double low = 0.0, high = 1.0;
  std::vector<double> ticks;
  double percent(double accuracy) const { return 100 * (accuracy - low) / (high - low); }
};
// Holds all the intervals, from tick to tick.
AccuracyAxis accuracy_axis(const std::vector<Interval>& intervals);
// One row of a dot plot, as wide as its place: the accuracy as a dot, its interval as a line, `reference` as a dashed line.
std::string svg_dot(const AccuracyAxis& axis, const Score& score, double reference, bool emphasised);
// The row of the ticks' numbers.
std::string svg_ticks(const AccuracyAxis& axis);

}  // namespace tutti
