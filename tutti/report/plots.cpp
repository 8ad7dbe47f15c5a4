#include "tutti/report/plots.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <sstream>

#include <sys/wait.h>
#include <unistd.h>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/log.h"
#include "tutti/report/tables.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

// Okabe and Ito's colours, which people with any colour vision tell apart.
constexpr const char* kColors[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"};
const char* color_of(int index) { return kColors[static_cast<std::size_t>(index) % std::size(kColors)]; }

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
};

Range range_of(const std::vector<Curve>& curves) {
  Range range;
  for (const Curve& curve : curves)
    for (const double y : curve.y)
      if (std::isfinite(y)) range = {std::min(range.low, y), std::max(range.high, y)};
  if (!(range.low <= range.high)) return {0, 1};
  const double margin = std::max(0.05 * (range.high - range.low), 1e-3);
  return {range.low - margin, range.high + margin};
}

// 1, 2 or 5 times a power of ten, about `count` of them in the range.
double tick_step(double span, int count) {
  const double raw = span / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw) return factor * power;
  return 10 * power;
}

std::size_t longest(const std::vector<Curve>& curves) {
  std::size_t epochs = 1;
  for (const Curve& curve : curves) epochs = std::max(epochs, curve.y.size());
  return epochs;
}

// Maps (epoch, value) to the picture.
struct Frame {
  double left = 64, top = 40, width = 420, height = 260;
  Range range;
  double epochs = 1;
  double x(double epoch) const { return left + (epochs > 1 ? (epoch - 1) / (epochs - 1) : 0.5) * width; }
  double y(double value) const { return top + (range.high - value) / (range.high - range.low) * height; }
};

std::string svg_axes(const Frame& frame) {
  std::string svg = fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#888\"/>\n",
                                frame.left, frame.top, frame.width, frame.height);
  const double step = tick_step(frame.range.high - frame.range.low, 5);
  for (double value = std::ceil(frame.range.low / step) * step; value <= frame.range.high; value += step)
    svg += fmt::format(
        "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>"
        "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:.3g}</text>\n",
        frame.left, frame.left + frame.width, frame.y(value), frame.left - 6, frame.y(value) + 4,
        std::abs(value) < step / 2 ? 0.0 : value);
  const double epoch_step = std::max(1.0, tick_step(std::max(1.0, frame.epochs - 1), 8));
  for (double epoch = 1; epoch <= frame.epochs; epoch += epoch_step)
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.0f}</text>\n", frame.x(epoch),
                       frame.top + frame.height + 18, epoch);
  return svg + fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">epoch</text>\n", frame.left + frame.width / 2,
                           frame.top + frame.height + 36);
}

std::string svg_curve(const Frame& frame, const Curve& curve) {
  std::string points, dots;
  for (std::size_t i = 0; i < curve.y.size(); ++i) {
    if (!std::isfinite(curve.y[i])) continue;
    const double x = frame.x(static_cast<double>(i + 1)), y = frame.y(curve.y[i]);
    points += fmt::format("{:.1f},{:.1f} ", x, y);
    dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.2\"/>", x, y);
  }
  return fmt::format("<g stroke=\"{0}\" fill=\"{0}\"><polyline fill=\"none\" stroke-width=\"1.6\"{1} points=\"{2}\"/>{3}</g>\n",
                     color_of(curve.color), curve.dashed ? " stroke-dasharray=\"5 4\"" : "", points, dots);
}

// Runs gnuplot on a script file; false if there is none, Error if it fails.
bool run_gnuplot(const fs::path& script) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execlp("gnuplot", "gnuplot", script.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid) return false;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return false;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("plot", "gnuplot failed on {}.", script.string());
  return true;
}

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c);
  return result + "'";
}

// Data inline, so that the script is one file that draws itself again.
std::string gnuplot_script(const std::string& title, const std::vector<Curve>& curves, const fs::path& png,
                           const fs::path& svg) {
  std::string data, plot;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    data += fmt::format("$curve{} << EOD\n", i);
    for (std::size_t epoch = 0; epoch < curves[i].y.size(); ++epoch)
      if (std::isfinite(curves[i].y[epoch])) data += fmt::format("{} {}\n", epoch + 1, curves[i].y[epoch]);
    data += "EOD\n";
    plot += fmt::format("{}$curve{} using 1:2 with linespoints lw 1.6 pt 7 ps 0.5 dt {} lc rgb '{}' title {}",
                        i ? ", " : "plot ", i, curves[i].dashed ? 2 : 1, color_of(curves[i].color), quoted(curves[i].label));
  }
  std::string script = data;
  const std::size_t epochs = longest(curves);
  script += fmt::format(
      "set title {} noenhanced\nset key outside right noenhanced\nset xlabel 'epoch'\nset grid lt 1 lc rgb '#dddddd'\n"
      "set xtics 1,{:.0f}\nset xrange [0.8:{}.2]\nset offsets 0,0,graph 0.05,graph 0.05\n",
      quoted(title), std::max(1.0, tick_step(static_cast<double>(epochs), 10)), epochs);
  script += fmt::format("set terminal pngcairo size 900,480\nset output {}\n{}\n", quoted(png.string()), plot);
  script +=
      fmt::format("set terminal svg size 900,480 background rgb 'white'\nset output {}\n{}\n", quoted(svg.string()), plot);
  return script;
}

// Draws one picture; false if there is no gnuplot.
bool draw(const fs::path& folder, const std::string& metric, const std::string& title, const std::vector<Curve>& curves) {
  bool drawn = false;
  write_atomically(folder / (metric + ".svg"), [&](const fs::path& svg) {
    const fs::path png = folder / fmt::format(".{}.{}.png", metric, ::getpid());
    const fs::path script = folder / fmt::format(".{}.{}.gnuplot", metric, ::getpid());
    write_file_atomically(script, gnuplot_script(title, curves, png, svg));
    std::error_code code;
    try {
      drawn = run_gnuplot(script);
    } catch (...) {
      fs::remove(script, code);
      fs::remove(png, code);
      throw;
    }
    fs::remove(script, code);
    if (drawn)
      fs::rename(png, folder / (metric + ".png"));
    else
      write_file_atomically(svg, svg_plot(title, curves));
  });
  return drawn;
}

}  // namespace

std::vector<Curve> curves_of(const RunResults& results, const std::string& metric) {
  std::vector<Curve> curves;
  int color = 0;
  for (const MemberOutcome& member : results.members) {
    const std::vector<double>& training = member.history.values(metric);
    const std::vector<double>& validation = member.history.values("val_" + metric);
    if (!training.empty()) curves.push_back({member.result.name + " training", training, true, color});
    if (!validation.empty()) curves.push_back({member.result.name + " validation", validation, false, color});
    ++color;
  }
  return curves;
}

std::string svg_plot(const std::string& title, const std::vector<Curve>& curves) {
  Frame frame{.range = range_of(curves), .epochs = static_cast<double>(longest(curves))};
  const double height = std::max(frame.top + frame.height + 50, frame.top + 18 * static_cast<double>(curves.size()) + 20);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 {0:.0f}\" width=\"720\" "
      "height=\"{0:.0f}\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"720\" height=\"{0:.0f}\" fill=\"white\"/>\n"
      "<text x=\"{1}\" y=\"24\" font-size=\"15\">{2}</text>\n",
      height, frame.left, escape_html(title));
  svg += svg_axes(frame);
  for (std::size_t i = 0; i < curves.size(); ++i) {
    svg += svg_curve(frame, curves[i]);
    const double y = frame.top + 10 + 18 * static_cast<double>(i);
    svg += fmt::format(
        "<line x1=\"500\" x2=\"526\" y1=\"{0}\" y2=\"{0}\" stroke=\"{1}\" stroke-width=\"2\"{2}/>"
        "<text x=\"532\" y=\"{3}\">{4}</text>\n",
        y, color_of(curves[i].color), curves[i].dashed ? " stroke-dasharray=\"5 4\"" : "", y + 4, escape_html(curves[i].label));
  }
  return svg + "</svg>\n";
}

void write_plots(const fs::path& folder, const RunResults& results) {
  fs::create_directories(folder);
  bool drawn = true;
  for (const char* metric : {"loss", "accuracy"}) {
    const std::vector<Curve> curves = curves_of(results, metric);
    if (curves.empty()) continue;
    try {
      drawn = draw(folder, metric, fmt::format("{}: {}", results.experiment, metric), curves) && drawn;
    } catch (const Error& error) {
      log_warning("no picture of the {}: {}", metric, error.what());
    }
  }
  if (!drawn) log_warning("gnuplot is not here, so no PNG of the curves was written. Install gnuplot-nox, then: tutti report");
}

}  // namespace tutti
