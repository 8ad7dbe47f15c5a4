#include "tutti/kubernetes/member_pods.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/manifest.h"
#include "tutti/kubernetes/names.h"

namespace tutti {
namespace {

using PlainJson = nlohmann::json;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// A member of a list that may be absent, without exceptions for what a cluster may leave out.
const PlainJson& at(const PlainJson& json, std::initializer_list<const char*> path) {
  static const PlainJson kNull;
  const PlainJson* node = &json;
  for (const char* key : path) {
    if (!node->is_object() || !node->contains(key)) return kNull;
    node = &(*node)[key];
  }
  return *node;
}
std::string text_at(const PlainJson& json, std::initializer_list<const char*> path) {
  const PlainJson& node = at(json, path);
  return node.is_string() ? node.get<std::string>() : "";
}
int number_at(const PlainJson& json, std::initializer_list<const char*> path) {
  const PlainJson& node = at(json, path);
  return node.is_number_integer() ? node.get<int>() : 0;
}

const PlainJson* condition_of(const PlainJson& object, std::string_view type) {
  for (const PlainJson& condition : at(object, {"status", "conditions"}))
    if (text_at(condition, {"type"}) == type && text_at(condition, {"status"}) == "True") return &condition;
  return nullptr;
}

// How a Pod's container ended: "out of memory: killed at its limit of 64Mi".
std::string end_of(const PlainJson& pod) {
  const std::string node_reason = text_at(pod, {"status", "reason"});
  if (node_reason == "Evicted") return "evicted from its node: " + first_line(text_at(pod, {"status", "message"}));
  for (const PlainJson& container : at(pod, {"status", "containerStatuses"})) {
    const PlainJson& end = at(container, {"state", "terminated"});
    if (!end.is_object() || number_at(end, {"exitCode"}) == 0) continue;
    if (text_at(end, {"reason"}) == "OOMKilled") {
      std::string limit;
      for (const PlainJson& spec : at(pod, {"spec", "containers"})) limit = text_at(spec, {"resources", "limits", "memory"});
      return limit.empty() ? "OOMKilled: out of memory" : fmt::format("OOMKilled: out of memory at its limit of {}", limit);
    }
    std::string words = text_at(end, {"message"});
    while (!words.empty() && words.back() == '\n') words.pop_back();
    words = words.substr(words.rfind('\n') + 1);
    if (words.starts_with("tutti: error: ")) return words.substr(14);
    return fmt::format("exit code {}{}{}", number_at(end, {"exitCode"}), words.empty() ? "" : ": ", words);
  }
  return node_reason.empty() ? "" : fmt::format("{}: {}", node_reason, first_line(text_at(pod, {"status", "message"})));
}

// Why a Pod does not run yet, from its own status.
std::string wait_of(const PlainJson& pod) {
  for (const PlainJson& condition : at(pod, {"status", "conditions"}))
    if (text_at(condition, {"type"}) == "PodScheduled" && text_at(condition, {"status"}) == "False")
      return first_line(text_at(condition, {"message"}));
  for (const PlainJson& container : at(pod, {"status", "containerStatuses"})) {
    const std::string reason = text_at(container, {"state", "waiting", "reason"});
    if (reason.empty() || reason == "ContainerCreating") continue;
    const std::string message = first_line(text_at(container, {"state", "waiting", "message"}));
    if (reason == "ErrImageNeverPull" || reason == "ImagePullBackOff" || reason == "ErrImagePull" ||
        reason == "InvalidImageName")
      return fmt::format("{}: the node has no image {} and cannot fetch it{}{}", reason, text_at(container, {"image"}),
                         message.empty() ? "" : ": ", message);
    return message.empty() ? reason : reason + ": " + message;
  }
  return "";
}

// The last warning about each Pod, asked for once, if at all: a volume that cannot be mounted says so nowhere else.
class Warnings {
 public:
  explicit Warnings(Kubectl& kubectl) : kubectl_(kubectl) {}
  std::string of(const std::string& pod) {
    if (!std::exchange(asked_, true)) ask();
    return last_[pod];
  }

 private:
  void ask() {
    const KubectlReply reply =
        kubectl_.run({"get", "events", "--field-selector=type=Warning,involvedObject.kind=Pod", "--output=json"});
    const PlainJson json = PlainJson::parse(reply.out, nullptr, false);
    for (const PlainJson& event : at(json, {"items"}))
      if (const std::string message = first_line(text_at(event, {"message"})); !message.empty())
        last_[text_at(event, {"involvedObject", "name"})] = text_at(event, {"reason"}) + ": " + message;
  }

  Kubectl& kubectl_;
  std::map<std::string, std::string> last_;
  bool asked_ = false;
};

bool is_in(const std::string& ranges, int index) {
  for (std::size_t begin = 0; begin < ranges.size();) {
    const std::size_t comma = std::min(ranges.find(',', begin), ranges.size());
    const std::string range = ranges.substr(begin, comma - begin);
    const std::size_t dash = range.find('-');
    const int first = std::atoi(range.c_str());
    const int last = dash == std::string::npos ? first : std::atoi(range.c_str() + dash + 1);
    if (index >= first && index <= last) return true;
    begin = comma + 1;
  }
  return false;
}

// True if a Pod takes longer than they usually do.
bool is_old(const PlainJson& pod) {
  std::tm parts{};
  if (!::strptime(text_at(pod, {"metadata", "creationTimestamp"}).c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts)) return true;
  constexpr double kUsual = 5;
  return now() - static_cast<double>(::timegm(&parts)) > kUsual;
}

bool closes_the_books(const PlainJson& pod) {
  for (const PlainJson& container : at(pod, {"status", "containerStatuses"}))
    if (number_at(container, {"state", "terminated", "exitCode"}) == kPodFailedForGood) return true;
  return false;
}

// The Pods of one member, the newest last.
void take_pods(MemberPod& member, Warnings& warnings, std::vector<const PlainJson*>& pods) {
  std::ranges::stable_sort(pods, {}, [](const PlainJson* pod) { return text_at(*pod, {"metadata", "creationTimestamp"}); });
  for (const PlainJson* pod : pods) {
    const std::string phase = text_at(*pod, {"status", "phase"});
    if (phase == "Failed") {
      ++member.failures;
      // The Pod that closes the books of one that was killed cannot know why.
      if (!closes_the_books(*pod) || !member.reason.starts_with("OOMKilled")) member.reason = end_of(*pod);
    } else if (phase == "Running") {
      member.state = PodState::kRunning;
    } else if (phase == "Pending") {
      member.state = PodState::kPending;
      member.reason = wait_of(*pod);
      if (member.reason.empty() && at(*pod, {"status", "containerStatuses"}).is_array() && is_old(*pod))
        member.reason = warnings.of(text_at(*pod, {"metadata", "name"}));
    }
  }
}

void take_job(MemberPod& member, const PlainJson& job, int index, bool has_pods) {
  const PlainJson* failed = condition_of(job, "Failed");
  const bool done =
      index >= 0 ? is_in(text_at(job, {"status", "completedIndexes"}), index) : condition_of(job, "Complete") != nullptr;
  const bool index_failed = index >= 0 && is_in(text_at(job, {"status", "failedIndexes"}), index);
  if (done) {
    member.state = PodState::kDone;
    member.reason.clear();
  } else if (index_failed || failed) {
    member.state = PodState::kFailed;
    const std::string reason = failed ? text_at(*failed, {"reason"}) : "";
    if (reason == "DeadlineExceeded") member.reason = "the deadline of its Job passed";
    if (member.reason.empty()) member.reason = reason.empty() ? "its Job failed" : "its Job failed: " + reason;
    member.failures = std::max(member.failures, index >= 0 ? 1 : number_at(job, {"status", "failed"}));
  } else if (at(job, {"spec", "suspend"}) == true) {
    member.state = PodState::kSuspended;
    const std::string queue = text_at(job, {"metadata", "labels", "kueue.x-k8s.io/queue-name"});
    member.reason = queue.empty() ? "suspended" : "waiting in the queue " + queue;
  } else if (member.state == PodState::kAbsent) {
    member.state = has_pods && member.failures > 0 ? PodState::kRetrying : PodState::kPending;
  }
}

// The Jobs and Pods of a run.
PlainJson objects_of(Kubectl& kubectl, const RunCluster& cluster) {
  const auto ask = [&](const std::vector<std::string>& question) {
    const KubectlReply reply = kubectl.run(question);
    PlainJson json = PlainJson::parse(reply.out, nullptr, false);
    if (!reply.ok() || !json.is_object()) fail("kubernetes", "the cluster does not answer: {}", reply.complaint());
    return at(json, {"items"});
  };
  if (cluster.job.empty())
    return ask({"get", "jobs,pods", fmt::format("--selector={}={}", kIdLabel, cluster.id), "--output=json"});
  PlainJson items = ask({"get", "jobs", "--field-selector=metadata.name=" + cluster.job, "--output=json"});
  for (PlainJson& pod : ask({"get", "pods", "--selector=job-name=" + cluster.job, "--output=json"}))
    items.push_back(std::move(pod));
  return items;
}

}  // namespace

std::vector<MemberPod> member_pods(Kubectl& kubectl, const RunFolder& run, const std::vector<std::string>& plan) {
  const auto cluster = cluster_of(run);
  const std::string job = cluster ? cluster->job : "";
  const PlainJson items = cluster ? objects_of(kubectl, *cluster) : PlainJson::array();
  std::map<std::string, std::size_t> number;
  std::vector<MemberPod> members;
  for (const std::string& name : plan) {
    number[label_value(name)] = members.size();
    members.push_back({.member = name});
  }
  // -1: of no member of this plan.
  const auto member_of = [&](const PlainJson& object) {
    const auto found = number.find(text_at(object, {"metadata", "labels", kMemberLabel}));
    if (found != number.end()) return static_cast<int>(found->second);
    const std::string index = text_at(object, {"metadata", "annotations", "batch.kubernetes.io/job-completion-index"});
    return index.empty() || std::atoi(index.c_str()) >= static_cast<int>(plan.size()) ? -1 : std::atoi(index.c_str());
  };
  std::vector<std::vector<const PlainJson*>> pods(plan.size());
  for (const PlainJson& item : items) {
    if (text_at(item, {"kind"}) != "Pod") continue;
    const int member = member_of(item);
    if (member >= 0) pods[static_cast<std::size_t>(member)].push_back(&item);
    // One Pod trains all members of a firing.
    if (member < 0 && !job.empty())
      for (auto& of_member : pods) of_member.push_back(&item);
  }
  Warnings warnings(kubectl);
  for (std::size_t i = 0; i < members.size(); ++i) take_pods(members[i], warnings, pods[i]);
  for (const PlainJson& item : items) {
    if (text_at(item, {"kind"}) != "Job" || at(item, {"metadata", "deletionTimestamp"}).is_string()) continue;
    if (text_at(item, {"spec", "completionMode"}) == "Indexed") {
      for (std::size_t i = 0; i < members.size(); ++i) take_job(members[i], item, static_cast<int>(i), !pods[i].empty());
    } else if (const int member = member_of(item); member >= 0) {
      take_job(members[static_cast<std::size_t>(member)], item, -1, !pods[static_cast<std::size_t>(member)].empty());
    } else if (!job.empty()) {
      for (std::size_t i = 0; i < members.size(); ++i) take_job(members[i], item, -1, !pods[i].empty());
    }
  }
  return members;
}

MemberPod pod_of_name(Kubectl& kubectl, const std::string& name) {
  const KubectlReply reply = kubectl.run({"get", "pod", name, "--output=json"});
  const PlainJson json = PlainJson::parse(reply.out, nullptr, false);
  if (!reply.ok() || !json.is_object()) fail("kubernetes", "the Pod {} is not to be seen: {}", name, reply.complaint());
  MemberPod pod{.member = name};
  std::vector<const PlainJson*> pods = {&json};
  Warnings warnings(kubectl);
  take_pods(pod, warnings, pods);
  const std::string phase = text_at(json, {"status", "phase"});
  if (phase == "Succeeded") pod.state = PodState::kDone;
  if (phase == "Failed") pod.state = PodState::kFailed;
  return pod;
}

MemberStatus merged_status(const RunFolder& run, const MemberPod& pod) {
  MemberStatus status = run.member(pod.member).status();
  if (status.state == MemberState::kDone) return status;
  switch (pod.state) {
    case PodState::kSuspended:
    case PodState::kPending:
      status.state = MemberState::kWaiting;
      status.error = pod.reason;
      break;
    case PodState::kRetrying:
      status.state = MemberState::kWaiting;
      status.error = fmt::format("to be tried again after {} failure{}: {}", pod.failures, pod.failures == 1 ? "" : "s",
                                 pod.reason.empty() ? status.error : pod.reason);
      break;
    case PodState::kFailed:
      // What the member said itself stands above what Kubernetes saw, except that it cannot know that it was killed.
      if (status.state != MemberState::kFailed || status.error.empty() || pod.reason.starts_with("OOMKilled"))
        status.error = pod.reason;
      status.state = MemberState::kFailed;
      break;
    case PodState::kAbsent:
      if (status.state == MemberState::kRunning) {
        status.state = MemberState::kFailed;
        status.error = "its Job is gone; tutti resume goes on with it";
      }
      break;
    case PodState::kRunning:
    case PodState::kDone:
      break;
  }
  return status;
}

bool is_active(const MemberPod& pod) {
  return pod.state != PodState::kAbsent && pod.state != PodState::kDone && pod.state != PodState::kFailed;
}

}  // namespace tutti
