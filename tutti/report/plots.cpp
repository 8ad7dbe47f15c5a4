#include "tutti/report/plots.h"

#include <algorithm>
#include <cmath>

#include <sys/wait.h>
#include <unistd.h>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/log.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

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
