#include "tutti/experiment/run_members.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <thread>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/log.h"
#include "tutti/data/npy.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

// Members write their status twice a second; asking for it means reading a file of each.
constexpr auto kShow = std::chrono::milliseconds(200);
// Lines of a member's log that its error message does not already say.
constexpr int kLogLines = 8;

// A member that was killed could not say so itself; its process is gone, so nobody else writes its folder.
void record_failure(const MemberFolder& folder, const std::string& reason, bool replace) try {
  MemberStatus status = folder.status();
  if (!replace && status.state == MemberState::kFailed && !status.error.empty()) return;
  status.state = MemberState::kFailed;
  status.error = reason;
  status.heartbeat = now();
  folder.write_status(status);
} catch (const Error& error) {
  log_warning("the state of {} cannot be written: {}", folder.name(), error.what());
}

class MembersRun {
 public:
  MembersRun(const RunFolder& run, const std::vector<std::string>& members, Runner& runner, ProgressView& view,
             const RunMembersOptions& options)
      : run_(run),
        members_(members),
        runner_(runner),
        view_(view),
        options_(options),
        share_(share_cores(options.share, static_cast<int>(members.size()))),
        waiting_(members.begin(), members.end()) {}

  RunMembersResult run() {
    std::error_code code;
    if (options_.forget_cancel) fs::remove(run_.cancel(), code);
    while (true) {
      if (interrupted() && runner_.goes_on_alone() && !running_.empty()) {
        result_.left = true;
        break;
      }
      if (interrupted() || fs::exists(run_.cancel(), code)) stop_all();
      while (!result_.stopped && !waiting_.empty() && static_cast<int>(running_.size()) < share_.parallel) start_next();
      stop_the_late();
      const std::vector<MemberEnd> ends = runner_.poll();
      if (!ends.empty() || Clock::now() - shown_ > kShow) show();
      for (const MemberEnd& end : ends) take(end);
      if (running_.empty() && (waiting_.empty() || result_.stopped)) break;
      if (ends.empty()) wait();
    }
    show();
    view_.finish();
    return std::move(result_);
  }

 private:
  // Of one member, from its first start on.
  struct Attempts {
    int failures = 0;
    Clock::time_point begin = Clock::now();
    bool late = false;
  };

  void start_next() {
    const std::string name = waiting_.front();
    waiting_.pop_front();
    attempts_.try_emplace(name);
    running_.push_back(name);
    runner_.start({run_, name, share_.threads});
  }

  void stop_all() {
    if (std::exchange(result_.stopped, true)) return;
    view_.note("stopping: the members save what they have (Ctrl-C again ends at once)");
    for (const std::string& name : running_) runner_.stop(name);
  }

  void stop_the_late() {
    if (share_.deadline <= 0) return;
    for (const std::string& name : running_) {
      Attempts& attempts = attempts_.at(name);
      if (attempts.late || Clock::now() - attempts.begin < std::chrono::duration<double>(share_.deadline)) continue;
      attempts.late = true;
      runner_.stop(name);
    }
  }

  void take(MemberEnd end) {
    std::erase(running_, end.member);
    // Its results are whole even if its process ended badly after them: it could not write its last words to a full disk.
    if (is_done(end.member)) end.kind = MemberEnd::Kind::kDone;
    Attempts& attempts = attempts_.at(end.member);
    if (attempts.late && end.kind != MemberEnd::Kind::kDone) {
      end.kind = MemberEnd::Kind::kFailed;
      end.reason = late_reason(share_.deadline);
    }
    if (end.kind == MemberEnd::Kind::kFailed) {
      report_failure(end, attempts.late);
      if (!result_.stopped && !attempts.late && attempts.failures++ < share_.retries) {
        view_.note(fmt::format("{}: starting it again ({} of {})", end.member, attempts.failures, share_.retries));
        waiting_.push_front(end.member);
        return;
      }
    }
    result_.ends.push_back(std::move(end));
  }

  bool is_done(const std::string& member) const try { return run_.member(member).result().has_value(); } catch (const Error&) {
    return false;
  }

  void report_failure(const MemberEnd& end, bool late) {
    const MemberFolder folder = run_.member(end.member);
    record_failure(folder, end.reason, late);
    const std::string error = folder.status().error;
    view_.note(fmt::format("{}: failed: {}", end.member, error.empty() ? end.reason : error));
    if (late) return;
    for (const std::string& line : folder.log_tail(kLogLines))
      if (line != "tutti: error: " + error) view_.note("    " + line);
    view_.note(fmt::format("    (log: {})", folder.log().string()));
  }

  void show() {
    std::vector<MemberView> views;
    for (const std::string& name : members_) views.push_back({name, runner_.status(run_, name)});
    view_.update(views);
    shown_ = Clock::now();
  }

  void wait() {
    if (options_.wait)
      options_.wait();
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  RunFolder run_;
  const std::vector<std::string>& members_;
  Runner& runner_;
  ProgressView& view_;
  const RunMembersOptions& options_;
  RunSpec share_;
  std::deque<std::string> waiting_;
  std::vector<std::string> running_;
  std::map<std::string, Attempts> attempts_;
  Clock::time_point shown_;
  RunMembersResult result_;
};

// True if the member gives a sign of life within a few of its heartbeats: clocks of two machines may differ by any amount.
bool is_alive(const MemberFolder& folder) {
  const MemberStatus before = folder.status();
  if (is_being_trained(before)) return true;
  if (before.state != MemberState::kRunning || before.host == host_name()) return false;
  for (const auto begin = Clock::now(); Clock::now() - begin < std::chrono::seconds(3);) {
    check_interrupt();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (folder.status().heartbeat != before.heartbeat) return true;
  }
  return false;
}

// False if a file of its predictions is missing or damaged: it is to write them again.
bool has_predictions(const MemberFolder& folder) try {
  for (const char* file : {"validation.npy", "validation_labels.npy", "test.npy", "test_labels.npy"})
    read_npy(folder.path() / file);
  return true;
} catch (const Error& error) {
  log_warning("{} is done, but {}", folder.name(), error.what());
  return false;
}

}  // namespace

RunMembersResult run_members(const RunFolder& run, const std::vector<std::string>& members, Runner& runner, ProgressView& view,
                             const RunMembersOptions& options) {
  return MembersRun(run, members, runner, view, options).run();
}

std::string late_reason(double deadline) {
  return fmt::format("its deadline of {} passed; tutti resume goes on from its last checkpoint", clock_text(deadline));
}

void request_cancel(const RunFolder& run) { write_file_atomically(run.cancel(), ""); }

void wait_until_stopped(const RunFolder& run, const std::vector<std::string>& members, double patience) {
  const auto begin = Clock::now();
  for (const std::string& name : members)
    while (is_alive(run.member(name))) {
      check_interrupt();
      if (Clock::now() - begin > std::chrono::duration<double>(patience)) {
        const MemberStatus status = run.member(name).status();
        fail("run", "{} is still being trained by process {} on {}. Expected it to end first.", name, status.pid, status.host);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

std::vector<std::string> unfinished_members(const RunFolder& run, const std::vector<std::string>& members) {
  std::vector<std::string> unfinished;
  for (const std::string& name : members) {
    if (!run.member(name).result() || !has_predictions(run.member(name))) {
      // With metrics.json a member is done: run_members would take one that fails now for that.
      std::error_code code;
      fs::remove(run.member(name).path() / "metrics.json", code);
      unfinished.push_back(name);
      continue;
    }
    // Its process may have died between its last two files.
    MemberStatus status = run.member(name).status();
    if (status.state == MemberState::kDone || is_being_trained(status)) continue;
    status.state = MemberState::kDone;
    status.error.clear();
    run.member(name).write_status(status);
  }
  return unfinished;
}

}  // namespace tutti
