#include "tutti/kubernetes/kubernetes_runner.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tutti/base/error.h"
#include "tutti/base/log.h"
#include "tutti/kubernetes/cluster_run.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

class KubernetesRunner : public Runner {
 public:
  KubernetesRunner(Kubectl& kubectl, RunFolder run, std::vector<std::string> plan)
      : kubectl_(kubectl), run_(std::move(run)), plan_(std::move(plan)) {}

  std::string where() const override { return "Kubernetes"; }
  bool goes_on_alone() const override { return true; }

  // All that were started since the last poll() are submitted together: a call of kubectl takes as long as making several Jobs.
  void start(const MemberJob& job) override { queue_.push_back(job.member); }

  std::vector<MemberEnd> poll() override {
    if (!queue_.empty()) {
      submit_members(kubectl_, run_, queue_);
      running_.insert(running_.end(), queue_.begin(), queue_.end());
      queue_.clear();
      asked_ = Clock::now();
    }
    if (!stopping_.empty()) {
      remove_stopping();
      asked_ = {};
    }
    if (!is_time_to_ask()) return {};
    ask();
    return std::exchange(ended_, {});
  }

  void stop(const std::string& member) override { stopping_.push_back(member); }

  MemberStatus status(const RunFolder& run, const std::string& member) const override {
    const auto pod = std::ranges::find(pods_, member, &MemberPod::member);
    return pod == pods_.end() ? Runner::status(run, member) : merged_status(run, *pod);
  }

 private:
  void remove_stopping() {
    if (stopping_.size() >= running_.size())
      remove_jobs(kubectl_, run_);
    else
      for (const std::string& member : stopping_) remove_jobs(kubectl_, run_, member);
    stopping_.clear();
  }

  // Statuses come from the store; the cluster is asked for what they cannot say: soon when the store says that a member has
  // ended, else for a quarter of the time at most.
  bool is_time_to_ask() {
    constexpr auto kSoon = std::chrono::milliseconds(300);
    const auto now = Clock::now();
    if (now - asked_ > std::clamp<Clock::duration>(3 * took_, std::chrono::seconds(1), std::chrono::seconds(10))) return true;
    if (now - asked_ < kSoon || now - looked_ < kSoon) return false;
    looked_ = now;
    // Once for each that has ended, by its own word.
    const auto ended = std::ranges::count_if(running_, [&](const std::string& member) {
      const MemberState state = run_.member(member).status().state;
      return state == MemberState::kDone || state == MemberState::kFailed;
    });
    return std::exchange(ended_by_their_word_, ended) < ended;
  }

  void ask() {
    const auto begin = Clock::now();
    try {
      pods_ = member_pods(kubectl_, run_, plan_);
      if (std::exchange(silent_, false)) log_warning("the cluster answers again");
    } catch (const Error& error) {
      pods_.clear();  // the store knows better now
      if (!std::exchange(silent_, true)) log_warning("{}; the members go on, and it is asked again", error.what());
    }
    asked_ = Clock::now();
    took_ = asked_ - begin;
    if (silent_) return;
    for (const MemberPod& pod : pods_) {
      const auto running = std::ranges::find(running_, pod.member);
      if (running == running_.end()) continue;
      if (pod.state == PodState::kDone)
        ended_.push_back({pod.member});
      else if (pod.state == PodState::kFailed)
        ended_.push_back({pod.member, MemberEnd::Kind::kFailed, pod.reason});
      else if (pod.state == PodState::kAbsent)  // somebody removed it
        ended_.push_back({pod.member, MemberEnd::Kind::kInterrupted, ""});
      else
        continue;
      running_.erase(running);
    }
  }

  Kubectl& kubectl_;
  RunFolder run_;
  std::vector<std::string> plan_, queue_, running_, stopping_;
  std::vector<MemberPod> pods_;
  std::vector<MemberEnd> ended_;
  Clock::time_point asked_, looked_;
  std::ptrdiff_t ended_by_their_word_ = 0;
  Clock::duration took_ = Clock::duration::zero();
  bool silent_ = false;
};

}  // namespace

std::unique_ptr<Runner> make_kubernetes_runner(Kubectl& kubectl, const RunFolder& run, std::vector<std::string> plan) {
  return std::make_unique<KubernetesRunner>(kubectl, run, std::move(plan));
}

}  // namespace tutti
