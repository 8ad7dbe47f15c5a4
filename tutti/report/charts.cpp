#include "tutti/report/charts.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "tutti/report/tables.h"

namespace tutti {
namespace {

constexpr const char* kOkabeIto[kColors] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"};

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
};

// Larger values leave no room for a margin and ticks in a double. NaN is not drawn either.
bool is_drawn(double y) { return std::abs(y) <= 1e300; }

Range range_of(const std::vector<Curve>& curves) {
  Range range;
  for (const Curve& curve : curves)
    for (const double y : curve.y)
      if (is_drawn(y)) range = {std::min(range.low, y), std::max(range.high, y)};
  if (!(range.low <= range.high)) return {0, 1};
  // Of equal values too, a part that a double tells apart from them.
  const double margin =
      std::max({0.05 * (range.high - range.low), 1e-3, 1e-6 * std::max(std::abs(range.low), std::abs(range.high))});
  return {range.low - margin, range.high + margin};
}

// Maps (epoch, value) to the picture.
struct Frame {
  double left = 64, top = 40, width = 420, height = 260;
  Range range;
  double epochs = 1;
  double x(double epoch) const { return left + (epochs > 1 ? (epoch - 1) / (epochs - 1) : 0.5) * width; }
  double y(double value) const { return top + (range.high - value) / (range.high - range.low) * height; }
};

// Where the colours of a drawing come from: the classes of the report's page, or attributes of its own. A style sheet of its
// own would colour the rest of a page that holds it.
struct Ink {
  const char *frame, *grid;
  std::string (*curve)(int color);
};
constexpr Ink kPageInk = {"class=\"frame\"", "class=\"grid\"",
                          [](int color) { return fmt::format("class=\"c{}\"", color % kColors); }};
constexpr Ink kOwnInk = {"stroke=\"#888888\"", "stroke=\"#dddddd\"",
                         [](int color) { return fmt::format("color=\"{}\"", color_of(color)); }};

std::string svg_axes(const Frame& frame, const Ink& ink) {
  std::string svg = fmt::format("<rect {} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\"/>\n", ink.frame,
                                frame.left, frame.top, frame.width, frame.height);
  const double step = tick_step(frame.range.high - frame.range.low, 5);
  for (double value = std::ceil(frame.range.low / step) * step; value <= frame.range.high; value += step)
    svg += fmt::format(
        "<line {6} x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
        "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:.3g}</text>\n",
        frame.left, frame.left + frame.width, frame.y(value), frame.left - 6, frame.y(value) + 4,
        std::abs(value) < step / 2 ? 0.0 : value, ink.grid);
  const double epoch_step = std::max(1.0, tick_step(std::max(1.0, frame.epochs - 1), 8));
  for (double epoch = 1; epoch <= frame.epochs; epoch += epoch_step)
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.0f}</text>\n", frame.x(epoch),
                       frame.top + frame.height + 18, epoch);
  return svg + fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">epoch</text>\n", frame.left + frame.width / 2,
                           frame.top + frame.height + 36);
}

std::string svg_curve(const Frame& frame, const Curve& curve, const Ink& ink) {
  // Dots of many epochs would hide the line.
  const bool dotted = curve.y.size() <= 40;
  std::string lines, dots, points;
  const auto end_line = [&] {
    if (!points.empty()) lines += fmt::format("<polyline points=\"{}\"/>", points);
    points.clear();
  };
  for (std::size_t i = 0; i < curve.y.size(); ++i) {
    if (!is_drawn(curve.y[i])) {
      end_line();
      continue;
    }
    const double x = frame.x(static_cast<double>(i + 1)), y = frame.y(curve.y[i]);
    points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", x, y);
    if (dotted) dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2\"/>", x, y);
  }
  end_line();
  return fmt::format(
      "<g {}><title>{}</title><g fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.6\"{}>{}</g>"
      "<g fill=\"currentColor\">{}</g></g>\n",
      ink.curve(curve.color), escape_html(curve.label), curve.dashed ? " stroke-dasharray=\"5 4\"" : "", lines, dots);
}

Frame frame_of(const std::vector<Curve>& curves, std::size_t epochs = 0) {
  return {.range = range_of(curves), .epochs = static_cast<double>(std::max(epochs, longest(curves)))};
}

}  // namespace

std::size_t longest(const std::vector<Curve>& curves) {
  std::size_t epochs = 1;
  for (const Curve& curve : curves) epochs = std::max(epochs, curve.y.size());
  return epochs;
}

double tick_step(double span, int count) {
  const double raw = span / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw) return factor * power;
  return 10 * power;
}

const char* color_of(int index) { return kOkabeIto[index % kColors]; }

std::string svg_plot(const std::string& title, const std::vector<Curve>& curves, std::size_t epochs) {
  const Frame frame = frame_of(curves, epochs);
  // Two short names have room above the frame, others stand beside it.
  const bool above =
      curves.size() <= 2 && std::ranges::all_of(curves, [](const Curve& curve) { return curve.label.size() <= 10; });
  const double width = above ? frame.left + frame.width + 16 : 720;
  const double height =
      std::max(frame.top + frame.height + 50, above ? 0 : frame.top + 18 * static_cast<double>(curves.size()) + 20);
  // A page may give it less room than it asks for.
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "style=\"max-width:100%;height:auto\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"white\"/>\n"
      "<text x=\"{2}\" y=\"24\" font-size=\"14\">{3}</text>\n",
      width, height, frame.left, escape_html(title));
  svg += svg_axes(frame, kOwnInk);
  for (std::size_t i = 0; i < curves.size(); ++i) {
    svg += svg_curve(frame, curves[i], kOwnInk);
    const double x =
        above ? frame.left + frame.width - 96 * static_cast<double>(curves.size() - i) : frame.left + frame.width + 16;
    const double y = above ? 20 : frame.top + 10 + 18 * static_cast<double>(i);
    svg += fmt::format(
        "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2}\" y2=\"{2}\" stroke=\"{3}\" stroke-width=\"2\"{4}/>"
        "<text x=\"{5}\" y=\"{6}\">{7}</text>\n",
        x, x + 26, y, color_of(curves[i].color), curves[i].dashed ? " stroke-dasharray=\"5 4\"" : "", x + 32, y + 4,
        escape_html(curves[i].label));
  }
  return svg + "</svg>\n";
}

std::string svg_curves(const std::vector<Curve>& curves) {
  Frame frame = frame_of(curves);
  frame.left = 48;
  frame.top = 10;
  std::string svg = fmt::format("<svg class=\"chart\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\">\n",
                                frame.left + frame.width + 12, frame.top + frame.height + 42);
  svg += svg_axes(frame, kPageInk);
  for (const Curve& curve : curves) svg += svg_curve(frame, curve, kPageInk);
  return svg + "</svg>\n";
}

std::string svg_reliability(const std::vector<ReliabilityBin>& bins) {
  constexpr double kSide = 180, kLeft = 30, kTop = 8;
  const auto x = [](double confidence) { return kLeft + confidence * kSide; };
  const auto y = [](double accuracy) { return kTop + (1 - accuracy) * kSide; };
  std::string svg = fmt::format("<svg class=\"reliability\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\">\n", kLeft + kSide + 12,
                                kTop + kSide + 38);
  for (const double tick : {0.0, 0.5, 1.0})
    svg += fmt::format(
        "<text x=\"{0:.1f}\" y=\"{1:.1f}\" text-anchor=\"middle\">{4:.0f}</text>"
        "<text x=\"{2:.1f}\" y=\"{3:.1f}\" text-anchor=\"end\">{4:.0f}</text>\n",
        x(tick), y(0) + 16, kLeft - 5, y(tick) + 4, 100 * tick);
  const double width = 1.0 / static_cast<double>(bins.size());
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const ReliabilityBin& bin = bins[i];
    if (bin.samples == 0 || !std::isfinite(bin.confidence)) continue;
    const char* faint = bin.samples < kFewSamples ? " faint" : "";
    svg += fmt::format(
        "<g class=\"bin{}\"><title>{} images, confidence {:.1f} %, accuracy {:.1f} %</title>"
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>"
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\"/></g>\n",
        faint, bin.samples, 100 * bin.confidence, 100 * bin.accuracy, x(static_cast<double>(i) * width) + 0.5, y(bin.accuracy),
        width * kSide - 1, bin.accuracy * kSide, x(bin.confidence), y(bin.accuracy));
  }
  svg += fmt::format("<line class=\"diagonal\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n", x(0), y(0), x(1), y(1));
  svg += fmt::format("<rect class=\"frame\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\"/>\n", kLeft, kTop, kSide,
                     kSide);
  return svg + fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">confidence, %</text></svg>\n", x(0.5), y(0) + 32);
}

AccuracyAxis accuracy_axis(const std::vector<Interval>& intervals) {
  Interval range{1.0, 0.0};
  for (const Interval& interval : intervals) range = {std::min(range.low, interval.low), std::max(range.high, interval.high)};
  if (!(range.low < range.high)) range = {0.0, 1.0};
  const double step = tick_step(range.high - range.low, 4);
  const double first = std::floor(range.low / step), last = std::ceil(range.high / step);
  AccuracyAxis axis{.low = first * step, .high = last * step};
  for (double tick = first; tick <= last; ++tick) axis.ticks.push_back(tick * step);
  return axis;
}

std::string svg_dot(const AccuracyAxis& axis, const Score& score, double reference, bool emphasised) {
  std::string svg = "<svg class=\"dots\" width=\"100%\" height=\"22\">";
  for (const double tick : axis.ticks)
    svg += fmt::format("<line class=\"grid\" x1=\"{0:.2f}%\" x2=\"{0:.2f}%\" y1=\"0\" y2=\"22\"/>", axis.percent(tick));
  svg += fmt::format("<line class=\"reference\" x1=\"{0:.2f}%\" x2=\"{0:.2f}%\" y1=\"0\" y2=\"22\"/>", axis.percent(reference));
  return svg + fmt::format(
                   "<g class=\"c{0}\" stroke=\"currentColor\" fill=\"currentColor\">"
                   "<line x1=\"{1:.2f}%\" x2=\"{2:.2f}%\" y1=\"11\" y2=\"11\" stroke-width=\"2\"/>"
                   "<circle cx=\"{3:.2f}%\" cy=\"11\" r=\"{4}\"/></g></svg>",
                   emphasised ? 1 : 0, axis.percent(score.interval.low), axis.percent(score.interval.high),
                   axis.percent(score.accuracy), emphasised ? 6 : 4.5);
}

std::string svg_ticks(const AccuracyAxis& axis) {
  std::string svg = "<svg class=\"dots\" width=\"100%\" height=\"18\">";
  const double step = axis.ticks.size() > 1 ? axis.ticks[1] - axis.ticks[0] : 1.0;
  const int digits = step < 0.001 ? 2 : step < 0.01 ? 1 : 0;
  for (const double tick : axis.ticks)
    svg += fmt::format("<text x=\"{:.2f}%\" y=\"13\" text-anchor=\"middle\">{:.{}f}</text>", axis.percent(tick), 100 * tick,
                       digits);
  return svg + "</svg>";
}

}  // namespace tutti
