#include "tutti/experiment/store.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <deque>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::string_view kStates[] = {"waiting", "running", "done", "failed", "interrupted"};
// A status or metrics file is a few kilobytes; more is not ours.
constexpr std::size_t kMaxJson = std::size_t{1} << 20;

MemberState state_of_name(const std::string& name) {
  for (std::size_t i = 0; i < std::size(kStates); ++i)
    if (kStates[i] == name) return static_cast<MemberState>(i);
  fail("store", "unknown state '{}'.", name);
}

// JSON has no NaN: null stands for it.
OrderedJson to_json(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr); }
double number(const OrderedJson& json) {
  return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

OrderedJson to_json(const NamedNumbers& numbers) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [name, value] : numbers) json[name] = to_json(value);
  return json;
}
NamedNumbers numbers_of(const OrderedJson& json) {
  NamedNumbers numbers;
  for (const auto& [name, value] : json.items()) numbers.emplace_back(name, number(value));
  return numbers;
}

OrderedJson to_json(const SplitResult& split) {
  return {{"loss", to_json(split.loss)}, {"accuracy", to_json(split.accuracy)}, {"samples", split.samples}};
}
SplitResult split_of(const OrderedJson& json) {
  return {.loss = number(json.at("loss")), .accuracy = number(json.at("accuracy")), .samples = json.at("samples")};
}

std::string time_name(double seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  localtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &parts);
  return text;
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> result;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code))
    if (entry->is_directory() && !entry->path().filename().string().starts_with('.')) result.push_back(entry->path());
  return result;
}

bool is_run(const fs::path& folder) {
  std::error_code code;
  return fs::exists(folder / "spec.yaml", code);
}

fs::file_time_type time_of(const RunFolder& run) {
  std::error_code code;
  const auto time = fs::last_write_time(run.spec(), code);
  return code ? fs::file_time_type::min() : time;
}

// "runs/e/r/" and "." have a last name, too: that of the run.
RunFolder run_at(const fs::path& folder) {
  const fs::path path = fs::absolute(folder).lexically_normal();
  return RunFolder(path.has_filename() ? path : path.parent_path());
}

}  // namespace

std::string_view name_of(MemberState state) { return kStates[static_cast<std::size_t>(state)]; }

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

bool is_being_trained(const MemberStatus& status) {
  if (status.state != MemberState::kRunning) return false;
  // A member writes twice a second while it trains; predicting a large split takes longer.
  constexpr double kSilence = 120;
  if (status.host != host_name()) return std::abs(now() - status.heartbeat) < kSilence;
  // The number may have gone to another program since.
  std::ifstream file(fmt::format("/proc/{}/cmdline", status.pid));
  const std::string command{std::istreambuf_iterator<char>(file), {}};
  return command.find(std::string("\0member\0", 8)) != std::string::npos;
}

const std::vector<double>& HistoryTable::values(std::string_view name) const {
  static const std::vector<double> kNone;
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? kNone : columns[static_cast<std::size_t>(found - names.begin())];
}

void MemberFolder::check_run() const {
  const fs::path run = path_.parent_path().parent_path();
  if (!is_run(run)) fail("store", "the run's folder {} is gone.", run.string());
}

void MemberFolder::write_file(const std::string& name, std::string_view content) const {
  check_run();
  write_file_atomically(path_ / name, content);
}

MemberStatus MemberFolder::status() const {
  MemberStatus status;
  try {
    const fs::path file = path_ / "status.json";
    std::error_code code;
    if (!fs::exists(file, code)) return status;
    const OrderedJson json = OrderedJson::parse(read_file(file, kMaxJson));
    status.state = state_of_name(json.at("state"));
    status.engine = json.at("engine");
    status.device = json.at("device");
    status.epoch = json.at("epoch");
    status.epochs = json.at("epochs");
    status.step = json.at("step");
    status.steps = json.at("steps");
    status.images_per_second = number(json.at("images_per_second"));
    status.seconds_left = number(json.at("seconds_left"));
    status.metrics = numbers_of(json.at("metrics"));
    status.error = json.at("error");
    status.host = json.at("host");
    status.pid = json.at("pid");
    status.started = number(json.at("started"));
    status.heartbeat = number(json.at("heartbeat"));
  } catch (const std::exception&) {
    // Another program's file, or one of a version to come: the member is shown as waiting, and its exit code tells the rest.
    return {};
  }
  return status;
}

void MemberFolder::write_status(const MemberStatus& status) const {
  const OrderedJson json = {{"state", name_of(status.state)},
                            {"engine", status.engine},
                            {"device", status.device},
                            {"epoch", status.epoch},
                            {"epochs", status.epochs},
                            {"step", status.step},
                            {"steps", status.steps},
                            {"images_per_second", to_json(status.images_per_second)},
                            {"seconds_left", to_json(status.seconds_left)},
                            {"metrics", to_json(status.metrics)},
                            {"error", status.error},
                            {"host", status.host},
                            {"pid", status.pid},
                            {"started", to_json(status.started)},
                            {"heartbeat", to_json(status.heartbeat)}};
  write_file("status.json", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::optional<MemberResult> MemberFolder::result() const {
  const fs::path file = path_ / "metrics.json";
  std::error_code code;
  if (!fs::exists(file, code)) return {};
  try {
    const OrderedJson json = OrderedJson::parse(read_file(file, kMaxJson));
    MemberResult result;
    result.name = json.at("name");
    result.engine = json.at("engine");
    result.device = json.at("device");
    result.seed = json.at("seed");
    result.values = json.at("values").get<std::vector<std::pair<std::string, std::string>>>();
    result.epochs = json.at("epochs");
    result.stop_reason = json.at("stop_reason");
    result.validation = split_of(json.at("validation"));
    result.test = split_of(json.at("test"));
    result.seconds = number(json.at("seconds"));
    result.images_per_second = number(json.at("images_per_second"));
    result.parameters = json.at("parameters");
    result.peak_memory = json.at("peak_memory");
    result.model_file = json.at("model_file");
    result.class_names = json.at("class_names").get<std::vector<std::string>>();
    return result;
  } catch (const nlohmann::json::exception& error) {
    fail(file.string(), "not a member's metrics: {}.", error.what());
  }
}

void MemberFolder::write_result(const MemberResult& result) const {
  const OrderedJson json = {{"name", result.name},
                            {"engine", result.engine},
                            {"device", result.device},
                            {"seed", result.seed},
                            {"values", result.values},
                            {"epochs", result.epochs},
                            {"stop_reason", result.stop_reason},
                            {"validation", to_json(result.validation)},
                            {"test", to_json(result.test)},
                            {"seconds", to_json(result.seconds)},
                            {"images_per_second", to_json(result.images_per_second)},
                            {"parameters", result.parameters},
                            {"peak_memory", result.peak_memory},
                            {"model_file", result.model_file},
                            {"class_names", result.class_names}};
  write_file("metrics.json", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

HistoryTable MemberFolder::history() const {
  HistoryTable table;
  std::ifstream file(path_ / "history.csv");
  std::string line, cell;
  if (!std::getline(file, line)) return table;
  for (std::istringstream cells(line); std::getline(cells, cell, ',');) table.names.push_back(cell);
  table.columns.resize(table.names.size());
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    for (auto& column : table.columns) {
      if (!std::getline(cells, cell, ',')) cell.clear();
      char* end = nullptr;
      const double value = std::strtod(cell.c_str(), &end);
      column.push_back(end == cell.c_str() ? std::numeric_limits<double>::quiet_NaN() : value);
    }
  }
  return table;
}

std::vector<std::string> MemberFolder::log_tail(int lines) const {
  std::deque<std::string> tail;
  std::ifstream file(log());
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    tail.push_back(line);
    if (tail.size() > static_cast<std::size_t>(lines)) tail.pop_front();
  }
  return {tail.begin(), tail.end()};
}

fs::path default_store() { return env("TUTTI_STORE", "runs"); }

RunFolder create_run(const fs::path& store, const std::string& experiment, const std::string& run) {
  const fs::path parent = store / experiment;
  std::error_code code;
  fs::create_directories(parent, code);
  if (code) fail("store", "cannot create the folder {}: {}.", parent.string(), code.message());
  const std::string base = run.empty() ? time_name(now()) : run;
  std::string name = base;
  // create_directory tells whether this process made the folder: two runs started in one second get two folders.
  for (int copy = 2; !fs::create_directory(parent / name, code); ++copy) {
    if (code) fail("store", "cannot create the folder {}: {}.", (parent / name).string(), code.message());
    if (!run.empty())
      fail("store", "there is a run {} already. Expected another --run NAME, or none.", (parent / name).string());
    name = fmt::format("{}-{}", base, copy);
  }
  return RunFolder(fs::absolute(parent / name));
}

std::vector<RunFolder> list_runs(const fs::path& store) {
  std::vector<RunFolder> runs;
  for (const fs::path& experiment : folders_in(store))
    for (const fs::path& run : folders_in(experiment))
      if (is_run(run)) runs.emplace_back(run);
  std::sort(runs.begin(), runs.end(), [](const RunFolder& a, const RunFolder& b) {
    return std::pair(time_of(a), a.path()) < std::pair(time_of(b), b.path());
  });
  return runs;
}

RunFolder find_run(const fs::path& store, const std::string& name) {
  if (!name.empty()) {
    for (const fs::path& folder : {fs::path(name), store / name})
      if (is_run(folder)) return run_at(folder);
  }
  const std::vector<RunFolder> runs = list_runs(store);
  for (auto run = runs.rbegin(); run != runs.rend(); ++run)
    if (name.empty() || run->path().parent_path().filename() == name) return run_at(run->path());
  if (name.empty()) fail("store", "there is no run in {}. Start one with: tutti train SPEC", store.string());
  fail("store", "there is no run '{}' in {}. Expected EXPERIMENT, EXPERIMENT/RUN or the folder of a run.", name,
       store.string());
}

}  // namespace tutti
