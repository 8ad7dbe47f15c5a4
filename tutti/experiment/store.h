// The store: the contract between the processes of an experiment. A folder that every member sees; each member writes only
// its own folder, each file whole or not at all, so any process may die at any time.
//
//   <store>/<experiment>/<run>/
//       spec.yaml  model.*               as resolved; the run needs no other file than the data
//       environment.json                 versions, machine
//       members/<name>/status.json  history.csv  log.txt  checkpoints/  model.h5  {engine}_{accuracy}_model.h5  metrics.json
//                     /validation.npy  test.npy  validation_labels.npy  test_labels.npy
//       models/                          links to the members' {engine}_{accuracy}_model.h5, for the article's predict step
//       ensemble/                        preds.csv  pred.csv  summary.md  report.html  loss.png ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/files.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

enum class MemberState : std::uint8_t { kWaiting, kRunning, kDone, kFailed, kInterrupted };
std::string_view name_of(MemberState state);

using NamedNumbers = std::vector<std::pair<std::string, double>>;

// status.json
struct MemberStatus {
  MemberState state = MemberState::kWaiting;
  std::string engine, device;
  int epoch = 0, epochs = 0;         // epochs finished; planned
  std::int64_t step = 0, steps = 0;  // of the current epoch
  double images_per_second = 0.0;    // of the current or last epoch
  double seconds_left = 0.0;
  NamedNumbers metrics;  // the running epoch's loss and the last epoch's values
  std::string error;     // one line
  std::string host;      // the machine that trains it, and the process there
  std::int64_t pid = 0;
  double started = 0.0, heartbeat = 0.0;  // seconds since 1970
};

// What is said of a split: its loss, accuracy and size.
struct SplitResult {
  double loss = 0.0, accuracy = 0.0;
  std::int64_t samples = 0;
};

// metrics.json, written when a member is done.
struct MemberResult {
  std::string name, engine, device;
  std::uint64_t seed = 0;
  std::vector<std::pair<std::string, std::string>> values;  // of the spec's lists
  int epochs = 0;                                           // run
  std::string stop_reason;
  SplitResult validation, test;
  double seconds = 0.0;            // of fit
  double images_per_second = 0.0;  // while training, validation left out
  std::int64_t parameters = 0;
  std::int64_t peak_memory = 0;  // bytes resident, of the member's process
  std::string model_file;        // beside metrics.json
  std::vector<std::string> class_names;
};

// history.csv: columns[i] are the values of names[i], an epoch each; NaN for an empty cell.
struct HistoryTable {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;
  // Empty if absent.
  const std::vector<double>& values(std::string_view name) const;
};

class MemberFolder {
 public:
  explicit MemberFolder(std::filesystem::path path) : path_(std::move(path)) {}
  const std::filesystem::path& path() const { return path_; }
  std::string name() const { return path_.filename().string(); }
  std::filesystem::path log() const { return path_ / "log.txt"; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }

  // Error if the run's folder is gone, for example a share that is not mounted any more: nothing must be written beside it.
  void check_run() const;
  // A file of this folder, whole or not at all. Error if it cannot be written.
  void write_file(const std::string& name, std::string_view content) const;

  // kWaiting if there is none or it cannot be read.
  MemberStatus status() const;
  void write_status(const MemberStatus& status) const;
  // Nothing if the member is not done. Error for a damaged file.
  std::optional<MemberResult> result() const;
  void write_result(const MemberResult& result) const;
  HistoryTable history() const;
  // The last lines of log.txt.
  std::vector<std::string> log_tail(int lines) const;

 private:
  std::filesystem::path path_;
};

class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path spec() const { return path_ / "spec.yaml"; }
  std::filesystem::path environment() const { return path_ / "environment.json"; }
  // Is there while somebody wants the run to stop.
  std::filesystem::path cancel() const { return path_ / "cancel"; }
  std::filesystem::path models() const { return path_ / "models"; }
  std::filesystem::path ensemble() const { return path_ / "ensemble"; }
  MemberFolder member(const std::string& name) const { return MemberFolder(path_ / "members" / name); }

 private:
  std::filesystem::path path_;
};

// $TUTTI_STORE, else "runs".
std::filesystem::path default_store();
// A new run's folder. `run` "" means the time, "20261122-105000"; Error if a given one is there already.
RunFolder create_run(const std::filesystem::path& store, const std::string& experiment, const std::string& run = "");
// `name`: a run's folder, EXPERIMENT/RUN or EXPERIMENT in the store (its latest run), or "" (the latest of all). Error if
// there is none.
RunFolder find_run(const std::filesystem::path& store, const std::string& name);
// The folders of all runs in the store, oldest first.
std::vector<RunFolder> list_runs(const std::filesystem::path& store);

// Seconds since 1970.
double now();
// True while some process trains the member: one of this machine, or one of another machine that gave a sign of life in the
// last two minutes.
bool is_being_trained(const MemberStatus& status);

}  // namespace tutti
