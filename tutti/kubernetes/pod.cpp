#include "tutti/kubernetes/pod.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/log.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/outcome.h"
#include "tutti/experiment/progress.h"
#include "tutti/experiment/run_members.h"
#include "tutti/kubernetes/manifest.h"
#include "tutti/report/finish.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

// How often Pods began with this and were not asked to stop; in the store, because a Pod cannot know how many there were before
// it.
struct Attempts {
  int begun = 0;
  double first = 0;  // when, seconds since 1970
};

class AttemptsFile {
 public:
  explicit AttemptsFile(const fs::path& folder) : file_(folder / "attempts.json") {}
  Attempts read() const try {
    const auto json = nlohmann::json::parse(read_file(file_, 4096));
    return {.begun = json.at("begun"), .first = json.at("first")};
  } catch (const std::exception&) {
    return {};
  }
  void write(const Attempts& attempts) const {
    insist([&] {
      write_file_atomically(file_, nlohmann::json({{"begun", attempts.begun}, {"first", attempts.first}}).dump() + "\n");
    });
  }

 private:
  fs::path file_;
};

// Copies what members' logs gain to the Pod's output.
class LogForwarder {
 public:
  LogForwarder(const RunFolder& run, const std::vector<std::string>& members) {
    for (const std::string& name : members) {
      const fs::path file = run.member(name).log();
      std::error_code code;
      const auto size = fs::file_size(file, code);
      logs_.push_back({file, members.size() > 1 ? name + " | " : "", code ? 0 : static_cast<std::streamoff>(size)});
    }
  }
  void forward() {
    for (Log& log : logs_) {
      std::ifstream file(log.path);
      if (!file.seekg(log.position)) continue;
      for (std::string line; std::getline(file, line) && !file.eof();) {
        log.position = file.tellg();
        display().text(log.prefix + line + "\n");
      }
    }
    std::fflush(stdout);
  }

 private:
  struct Log {
    fs::path path;
    std::string prefix;
    std::streamoff position = 0;
  };
  std::vector<Log> logs_;
};

// Another Pod may still train this member: it saves what it has, or its node went silent. Then its heartbeat goes on; clocks of
// two nodes may differ by any amount. False if it does not end in the time that a Pod has for it.
bool wait_until_alone(const MemberFolder& folder) {
  constexpr auto kSilence = std::chrono::seconds(3), kGrace = std::chrono::seconds(35);
  MemberStatus before = folder.status();
  const auto begin = Clock::now();
  for (auto heard = begin; Clock::now() - heard < kSilence;) {
    if (before.state != MemberState::kRunning || before.host == host_name()) return true;
    if (Clock::now() - begin > kGrace) return false;
    check_interrupt();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const MemberStatus status = folder.status();
    if (status.heartbeat != before.heartbeat) heard = Clock::now();
    before = status;
  }
  return true;
}

void record_failure(const MemberFolder& folder, const std::string& error) {
  MemberStatus status = folder.status();
  status.state = MemberState::kFailed;
  status.error = error;
  status.heartbeat = now();
  folder.write_status(status);
}

class Pod {
 public:
  Pod(const RunFolder& run, const std::vector<std::string>& wanted, int attempts, Runner& runner)
      : run_(run),
        wanted_(wanted),
        runner_(runner),
        spec_(spec_of_run(run)),
        all_(names_of(plan(spec_))),
        attempts_(attempts),
        file_(wanted.size() == 1 ? run.member(wanted[0]).path() : run.path()) {}

  PodEnd run() {
    for (const std::string& name : wanted_)
      if (std::ranges::find(all_, name) == all_.end())
        fail("pod", "{} has no member '{}'. Expected one of {}.", run_.path().string(), name, fmt::join(all_, ", "));
    std::error_code code;
    if (fs::exists(run_.cancel(), code)) return {.code = kPodCancelled, .error = "the run is cancelled"};
    std::vector<std::string> left = unfinished_members(run_, wanted_);
    std::erase_if(left, [&](const std::string& name) { return has_ended(run_, name); });  // failed for good
    for (const std::string& name : left)
      if (!wait_until_alone(run_.member(name)))
        return {.code = kPodInterrupted,
                .error = name + " is still being trained by the Pod " + run_.member(name).status().host};
    counted_ = file_.read();
    if (!left.empty() && counted_.begun >= attempts_) return close_the_books(left);
    if (!left.empty())
      if (const int code_of_training = train(left); code_of_training != 0) return {code_of_training, error_};
    return end(unfinished_members(run_, wanted_));
  }

 private:
  // The last Pod could not say how it ended.
  PodEnd close_the_books(const std::vector<std::string>& left) {
    for (const std::string& name : left)
      if (run_.member(name).status().state != MemberState::kFailed)
        record_failure(run_.member(name),
                       fmt::format("its Pod was killed, the last of {} attempts; most often it ran out of memory", attempts_));
    return end(left);
  }

  // 0 if what is to be said can be said for good.
  int train(const std::vector<std::string>& left) {
    if (counted_.first == 0) counted_.first = now();
    ++counted_.begun;
    file_.write(counted_);
    RunSpec share = spec_.run;
    share.retries = 0;
    if (wanted_.size() == 1) share.parallel = 1;
    // Of one member, from its first Pod's start on; a little is left to say that it passed. Of several, each from its own
    // start.
    if (share.deadline > 0 && wanted_.size() == 1) share.deadline = std::max(1e-3, share.deadline - (now() - counted_.first));
    LogForwarder logs(run_, wanted_);
    const auto view = make_silent_view();
    const auto wait = [&] {
      logs.forward();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    };
    const RunMembersResult result =
        run_members(run_, left, runner_, *view, {.share = share, .wait = wait, .forget_cancel = false});
    logs.forward();
    const std::vector<std::string> failed = unfinished_members(run_, left);
    if (failed.empty()) return 0;
    error_ = run_.member(failed[0]).status().error;
    const bool interrupted = std::ranges::any_of(
        result.ends, [](const MemberEnd& member_end) { return member_end.kind == MemberEnd::Kind::kInterrupted; });
    if (result.stopped || interrupted) {
      --counted_.begun;
      file_.write(counted_);
      error_ = "stopped; the next Pod goes on";
      return kPodInterrupted;
    }
    const bool late = wanted_.size() == 1 && spec_.run.deadline > 0 && now() - counted_.first >= spec_.run.deadline;
    if (late) {
      error_ = late_reason(spec_.run.deadline);
      record_failure(run_.member(failed[0]), error_);
    }
    if (late || counted_.begun >= attempts_) return 0;
    for (const std::string& name : left)
      if (std::ranges::find(failed, name) == failed.end()) end_member(run_, name, all_, true);
    return 1;
  }

  PodEnd end(const std::vector<std::string>& failed) {
    for (const std::string& name : wanted_) {
      const bool done = std::ranges::find(failed, name) == failed.end();
      if (const auto finished = end_member(run_, name, all_, done)) {
        display().text(
            fmt::format("{} ended last and made the ensemble: {}\n", name, (run_.ensemble() / "report.html").string()));
        if (finished->grown) display().text(describe(*finished->grown) + "\n");
      }
    }
    std::fflush(stdout);
    if (failed.empty()) return {};
    return {.code = kPodFailedForGood, .error = run_.member(failed[0]).status().error};
  }

  RunFolder run_;
  const std::vector<std::string>& wanted_;
  Runner& runner_;
  Spec spec_;
  std::vector<std::string> all_;
  int attempts_;
  AttemptsFile file_;
  Attempts counted_;
  std::string error_;
};

}  // namespace

void check_volume(const RunFolder& run) {
  std::error_code code;
  if (!fs::exists(run.spec(), code))
    fail("pod", "there is no run {} here. Expected the volume of this Pod to be the one that holds the store.",
         run.path().string());
}

PodEnd run_pod(const RunFolder& run, const std::vector<std::string>& wanted, int attempts, Runner& runner) {
  check_volume(run);
  return Pod(run, wanted, attempts, runner).run();
}

}  // namespace tutti
