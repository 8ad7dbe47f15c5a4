#include "tutti/experiment/program_member.h"

#include <fnmatch.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/log.h"
#include "tutti/base/process.h"
#include "tutti/data/npy.h"
#include "tutti/experiment/splits.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

void write_indices(const MemberFolder& folder, const std::string& name, const std::vector<std::int64_t>& indices) {
  Tensor array({static_cast<std::int64_t>(indices.size())}, DType::kInt64);
  std::ranges::copy(indices, array.data<std::int64_t>().begin());
  folder.write_file(name, to_npy(array));
}

std::map<std::string, std::string> environment_of(const Member& member, const RunFolder& run, const MemberFolder& folder) {
  std::map<std::string, std::string> environment = {
      {"TUTTI_MEMBER", member.name},
      {"TUTTI_SEED", std::to_string(member.seed)},
      {"TUTTI_RUN", run.path().string()},
      {"TUTTI_OUTPUT", folder.path().string()},
      {"TUTTI_TRAIN_INDICES", (folder.path() / "train_indices.npy").string()},
      {"TUTTI_VALIDATION_INDICES", (folder.path() / "validation_indices.npy").string()}};
  if (std::ranges::any_of(member.values, [](const auto& value) { return value.first == "engine"; }))
    environment["TUTTI_ENGINE"] = member.engine;
  if (environment.contains("TUTTI_ENGINE") && is_keras_backend(member.engine)) environment["KERAS_BACKEND"] = member.engine;
  for (const auto& [name, value] : member.spec.program.environment) environment[name] = value;
  return environment;
}

// The last line of a history.csv, if the program writes one.
void read_progress(const MemberFolder& folder, MemberStatus& status) {
  const HistoryTable history = folder.history();
  if (history.columns.empty() || history.columns.front().empty()) return;
  status.epoch = static_cast<int>(history.columns.front().size());
  status.epochs = std::max(status.epochs, status.epoch);
  status.metrics.clear();
  for (std::size_t i = 0; i < history.names.size(); ++i)
    if (history.names[i] != "epoch") status.metrics.emplace_back(history.names[i], history.columns[i].back());
}

bool is_keras_file(const fs::path& file) {
  const std::string extension = file.extension().string();
  return extension == ".h5" || extension == ".hdf5" || extension == ".keras";
}

// The files of a folder and when they were written.
using FileTimes = std::map<fs::path, fs::file_time_type>;
FileTimes files_in(const fs::path& folder) {
  FileTimes files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && !entry.path().filename().string().starts_with('.'))
      files[entry.path()] = entry.last_write_time();
  return files;
}

fs::path find_output(const fs::path& folder, const ProgramSpec& program, const FileTimes& before) {
  fs::path best;
  std::pair<bool, fs::file_time_type> best_rank;
  for (const auto& [file, time] : files_in(folder)) {
    const std::string name = file.filename().string();
    if (program.output.empty() ? !is_keras_file(file) : ::fnmatch(program.output.c_str(), name.c_str(), 0) != 0) continue;
    if (const auto old = before.find(file); old != before.end() && old->second == time) continue;
    // The article's name stands above checkpoints, which are written later now and then.
    const std::pair rank(file.stem().string().ends_with("_model"), time);
    if (!best.empty() && rank <= best_rank) continue;
    best = file;
    best_rank = rank;
  }
  if (best.empty())
    fail("member", "the program left no {} in {}. Expected it to save its model there, in $TUTTI_OUTPUT.",
         program.output.empty() ? ".h5, .hdf5 or .keras file" : "file " + program.output, folder.string());
  return best;
}

}  // namespace

fs::path run_program(const Member& member, const RunFolder& run, MemberStatus& status) {
  constexpr auto kPoll = std::chrono::milliseconds(50);
  constexpr auto kHeartbeat = std::chrono::seconds(1);
  const MemberFolder folder = run.member(member.name);
  const SplitIndices indices = split_indices(member.spec.data);
  write_indices(folder, "train_indices.npy", indices.train);
  write_indices(folder, "validation_indices.npy", indices.validation);
  const FileTimes before = files_in(folder.path());
  // Killed with this process: nobody else would know of it.
  Process process({.command = member.spec.program.command,
                   .environment = environment_of(member, run, folder),
                   .directory = folder.path(),
                   .death_signal = SIGKILL,
                   .own_group = true});
  bool stopped = false, failing = false;
  Clock::time_point written;
  while (!process.poll()) {
    if (interrupted() && !std::exchange(stopped, true)) process.signal(SIGTERM);
    if (Clock::now() - written > kHeartbeat) {
      written = Clock::now();
      read_progress(folder, status);
      status.heartbeat = now();
      try {
        folder.write_status(status);
        failing = false;
      } catch (const Error& error) {
        if (!std::exchange(failing, true)) log_warning("{} The program goes on.", error.what());
      }
    }
    std::this_thread::sleep_for(kPoll);
  }
  if (stopped) throw Interrupted();
  const ProcessEnd end = process.wait();
  if (!end.ok()) fail("member", "{} ended with {}.", member.spec.program.command.front(), end.text());
  read_progress(folder, status);
  return find_output(folder.path(), member.spec.program, before);
}

}  // namespace tutti
