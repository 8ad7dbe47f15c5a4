#include "tutti/experiment/local_runner.h"

#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "tutti/base/error.h"
#include "tutti/base/process.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

std::string this_program() {
  std::error_code code;
  const fs::path path = fs::read_symlink("/proc/self/exe", code);
  if (code) fail("local runner", "cannot find this program's file: {}.", code.message());
  return path.string();
}

MemberEnd end_of(const std::string& member, const ProcessEnd& end, bool forced) {
  constexpr int kInterruptedCode = 130;
  if (end.ok()) return {.member = member};
  if (end.code == kInterruptedCode) return {.member = member, .kind = MemberEnd::Kind::kInterrupted};
  std::string reason = (end.signal ? "the process was ended by " : "the process ended with ") + end.text();
  if (forced)
    reason += ": it did not stop when it was asked to";
  else if (end.signal == SIGKILL)
    reason += "; most often the machine ran out of memory";
  return {member, MemberEnd::Kind::kFailed, reason};
}

class LocalRunner : public Runner {
 public:
  explicit LocalRunner(LocalRunnerOptions options) : options_(std::move(options)) {
    if (options_.command.empty()) options_.command = {this_program(), "member"};
  }

  ~LocalRunner() override {
    for (const auto& [member, child] : children_) stop(member);
    while (!children_.empty()) {
      poll();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  std::string where() const override { return "this machine"; }

  void start(const MemberJob& job) override {
    const MemberFolder folder = job.run.member(job.member);
    std::vector<std::string> command = options_.command;
    command.push_back(job.run.path().string());
    command.push_back(job.member);
    const std::string threads = std::to_string(job.threads);
    try {
      fs::create_directories(folder.path());
      children_.emplace(job.member,
                        Child{.process = Process({.command = command,
                                                  .environment = {{"TUTTI_NUM_THREADS", threads}, {"OMP_NUM_THREADS", threads}},
                                                  .output = folder.log(),
                                                  .own_session = true})});
    } catch (const std::exception& error) {
      ended_.push_back({job.member, MemberEnd::Kind::kFailed, fmt::format("it could not be started: {}", error.what())});
    }
  }

  std::vector<MemberEnd> poll() override {
    for (auto entry = children_.begin(); entry != children_.end();) {
      auto& [member, child] = *entry;
      if (const std::optional<ProcessEnd> end = child.process.poll()) {
        ended_.push_back(end_of(member, *end, child.forced));
        entry = children_.erase(entry);
        continue;
      }
      if (child.stopped && !child.forced && Clock::now() - *child.stopped > options_.grace) {
        child.forced = true;
        child.process.signal(SIGKILL);
      }
      ++entry;
    }
    return std::exchange(ended_, {});
  }

  void stop(const std::string& member) override {
    const auto child = children_.find(member);
    if (child == children_.end() || child->second.stopped) return;
    child->second.stopped = Clock::now();
    child->second.process.signal(SIGTERM);
  }

 private:
  struct Child {
    Process process;
    std::optional<Clock::time_point> stopped = {};  // when it was asked to
    bool forced = false;
  };

  LocalRunnerOptions options_;
  std::map<std::string, Child> children_;
  std::vector<MemberEnd> ended_;
};

}  // namespace

std::unique_ptr<Runner> make_local_runner(LocalRunnerOptions options) {
  return std::make_unique<LocalRunner>(std::move(options));
}

}  // namespace tutti
