#include "tutti/kubernetes/cluster_run.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/experiment/experiment.h"
#include "tutti/kubernetes/manifest.h"
#include "tutti/kubernetes/names.h"
#include "tutti/kubernetes/owner.h"
#include "tutti/report/finish.h"

namespace tutti {
namespace {

using PlainJson = nlohmann::json;

// 300 Jobs are made at the pace of the API server.
constexpr double kSubmitSeconds = 300;

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

// One that no other run has: of another store, or of a run whose folder somebody removed.
std::string new_id(const RunFolder& run) {
  return fmt::format("{:08x}", stable_hash(fmt::format("{} {} {} {}", run.path().string(), host_name(), ::getpid(), now())));
}

}  // namespace

void give_to_pods(const std::filesystem::path& experiment, const std::filesystem::path& folder, std::pair<int, int> user) {
  if (::geteuid() != 0) return;
  const auto give = [&](const std::filesystem::path& path) {
    if (::lchown(path.c_str(), static_cast<uid_t>(user.first), static_cast<gid_t>(user.second)) != 0 && errno != ENOENT)
      fail("kubernetes", "cannot give {} to user {}, as which the Pods run.", path.string(), user.first);
  };
  give(experiment);
  for (const std::filesystem::path& whole : {folder, experiment / "standing"}) {
    give(whole);
    // Others may be writing: what is gone meanwhile needs no owner.
    std::error_code code;
    for (std::filesystem::recursive_directory_iterator entry(whole, code), end; !code && entry != end; entry.increment(code))
      give(entry->path());
  }
}

void give_to_pods(const RunFolder& run) {
  const std::filesystem::path experiment = run.path().parent_path();
  give_to_pods(experiment, run.path(), pod_user(spec_of_run(run).kubernetes, experiment.parent_path()));
}

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

void submit_members(Kubectl& kubectl, const RunFolder& run, const std::vector<std::string>& wanted) {
  const Spec spec = spec_of_run(run);
  const std::filesystem::path experiment = run.path().parent_path();
  const auto [user, group] = pod_user(spec.kubernetes, experiment.parent_path());
  // A run that goes on stays in its cluster; one of a CronJob gets Jobs of its own.
  const auto before = cluster_of(run);
  RunCluster cluster{
      .kubectl = before ? before->kubectl : resolved(kubectl, cluster_of(spec)), .job = "", .id = before ? before->id : ""};
  if (cluster.id.empty()) cluster.id = new_id(run);
  const ManifestOptions options{
      .server = server_version(kubectl), .owner = user_name(), .run_id = cluster.id, .user = user, .group = group};
  const std::string manifests = job_manifests(spec, run, plan(spec), wanted, options);
  // Made by whoever is first: not by somebody who only looks, and whose they then would be.
  for (const char* folder : {"members", "ended"}) std::filesystem::create_directories(run.path() / folder);
  write_cluster(run.path(), cluster);
  give_to_pods(experiment, run.path(), {user, group});
  const KubectlReply reply = kubectl.run({"create", "--filename=-", "--output=name"}, manifests, kSubmitSeconds);
  if (reply.ok()) return;
  remove_jobs(kubectl, run);
  fail("kubernetes", "the Jobs of {} were refused: {}", run.path().string(), reply.complaint());
}

void remove_jobs(Kubectl& kubectl, const RunFolder& run, const std::string& member) {
  const auto cluster = cluster_of(run);
  if (!cluster) return;
  std::vector<std::string> command = {"delete", "jobs"};
  if (!cluster->job.empty()) {
    command.push_back(cluster->job);
  } else {
    command.push_back(fmt::format("--selector={}={}", kIdLabel, cluster->id));
    if (!member.empty()) command.back() += fmt::format(",{}={}", kMemberLabel, label_value(member));
  }
  // Foreground: it returns when the Pods have saved and ended, and nobody writes the members' folders any more.
  for (const char* option : {"--ignore-not-found", "--cascade=foreground", "--wait", "--timeout=90s"})
    command.emplace_back(option);
  const KubectlReply reply = kubectl.run(command, "", 100);
  if (!reply.ok())
    fail("kubernetes", "cannot remove the Jobs of {0}: {1} (If that cluster is gone for good: rm {0}/cluster.json)",
         run.path().string(), reply.complaint());
}

std::optional<RunCluster> cluster_of(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "cluster.json";
  std::error_code code;
  if (!std::filesystem::exists(file, code)) return {};
  const PlainJson json = PlainJson::parse(read_file(file, std::size_t{1} << 16), nullptr, false);
  return RunCluster{.kubectl = {.context = text_at(json, {"context"}), .name_space = text_at(json, {"namespace"})},
                    .job = text_at(json, {"job"}),
                    .id = text_at(json, {"id"})};
}

void write_cluster(const std::filesystem::path& folder, const RunCluster& cluster) {
  const nlohmann::ordered_json json = {{"context", cluster.kubectl.context},
                                       {"namespace", cluster.kubectl.name_space},
                                       {"job", cluster.job},
                                       {"id", cluster.id}};
  write_file_atomically(folder / "cluster.json", json.dump(2) + "\n");
}

KubectlOptions cluster_of(const Spec& spec) {
  return {.context = spec.kubernetes.context, .name_space = spec.kubernetes.name_space};
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

void leave_cluster(const RunFolder& run) {
  if (const auto cluster = cluster_of(run)) remove_jobs(*make_kubectl(cluster->kubectl), run);
  std::error_code code;
  std::filesystem::remove(run.path() / "cluster.json", code);
}

bool is_active(const MemberPod& pod) {
  return pod.state != PodState::kAbsent && pod.state != PodState::kDone && pod.state != PodState::kFailed;
}

void settle(const RunFolder& run, const std::vector<MemberPod>& pods) {
  std::error_code code;
  if (std::filesystem::exists(run.cancel(), code)) return;  // nobody failed: it is to go on some time
  std::vector<std::string> plan;
  bool wrote = false;
  for (const MemberPod& pod : pods) plan.push_back(pod.member);
  for (const MemberPod& pod : pods) {
    if (is_active(pod) || has_ended(run, pod.member)) continue;
    const bool done = run.member(pod.member).result().has_value();
    if (!done && pod.state != PodState::kFailed) continue;
    if (!done) {
      std::filesystem::create_directories(run.member(pod.member).path(), code);
      run.member(pod.member).write_status(merged_status(run, pod));
    }
    end_member(run, pod.member, plan, done);
    wrote = true;
  }
  // The one that had taken the ensemble on has died at it.
  const bool idle = std::ranges::none_of(pods, is_active);
  if (idle && !is_finished(run) && std::ranges::all_of(plan, [&](const std::string& name) { return has_ended(run, name); }))
    take_over(run, plan);
  else if (!wrote)
    return;
  give_to_pods(run);  // who looked may be root
}

void prepare_again(const RunFolder& run, const std::vector<std::string>& members) {
  reopen(run, members);
  std::error_code code;
  std::filesystem::remove(run.cancel(), code);
  std::filesystem::remove(run.path() / "attempts.json", code);
  for (const std::string& name : members) std::filesystem::remove(run.member(name).path() / "attempts.json", code);
}

}  // namespace tutti
