#include "cli/common.h"

#include <charconv>
#include <cstdlib>
#include <optional>

#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/data/datasets.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/splits.h"

namespace tutti::cli {
namespace {

std::optional<double> parse(std::string_view text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return {};
  return value;
}

}  // namespace

void EngineArguments::add(Command& command) {
  command.option("--engine", engine, "native, onednn, torch or reference (default: $TUTTI_ENGINE, else native)");
  command.option("--device", device, "cpu or cuda[:N] (default: $TUTTI_DEVICE, else cpu)");
}

void EngineArguments::use() const {
  if (!engine.empty()) ::setenv("TUTTI_ENGINE", engine.c_str(), 1);
  if (!device.empty()) ::setenv("TUTTI_DEVICE", device.c_str(), 1);
}

void RunArguments::add(Command& command, bool with_json) {
  command.option("RUN", run, "EXPERIMENT, EXPERIMENT/RUN or a run's folder (default: the latest)");
  command.option("--store", store, "folder of all runs ($TUTTI_STORE)").show_default();
  if (with_json) command.flag("--json", json, "print JSON and nothing else");
}

std::vector<std::string> RunArguments::members() const { return names_of(plan(spec_of_run(find()))); }

void DataArguments::add(Command& command) {
  command.option("--data", name, "a data set (tutti data list), or a folder of images, a zip, an .npz or .csv file");
  command.option("--dir", dir, "folder to look for the data set in first");
  command.option("--split", split, "train or test").one_of({"train", "test"}).show_default();
  command.option("--limit", limit, "only the first N samples").not_negative();
  command.option("--scale", scale, "multiply pixels, for a model without a Rescaling layer: 1/255").show_default();
}

Dataset DataArguments::load() const {
  datasets::LoadOptions options;
  options.dir = dir;
  auto [train, test] = datasets::load_dataset(name, options);
  Dataset data = split == "train" || test.empty() ? train : test;
  if (limit > 0) data = data.take(limit);
  if (data.empty()) fail("data", "{} has no samples.", name);
  return scaled(data, number_of(scale, "--scale"));
}

void print(const std::string& text) { display().text(text); }

Model load_weighted_model(const std::filesystem::path& file) {
  std::error_code code;
  if (!std::filesystem::exists(file, code))
    fail("model", "there is no file {}. Expected a model: .h5 or .hdf5.", file.string());
  if (std::filesystem::is_directory(file, code)) fail("model", "{} is a folder. Expected a model file.", file.string());
  return load_model(file, false);
}

double number_of(const std::string& text, const char* what) {
  const std::size_t slash = text.find('/');
  const std::string_view all = text;
  const auto numerator = parse(all.substr(0, slash));
  const auto denominator = slash == std::string::npos ? std::optional(1.0) : parse(all.substr(slash + 1));
  if (!numerator || !denominator || *denominator == 0) fail(what, "expected a number, for example 1/255. Got '{}'.", text);
  return *numerator / *denominator;
}

}  // namespace tutti::cli
