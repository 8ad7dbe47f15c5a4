#include "tutti/kubernetes/cluster_run.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/experiment/experiment.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/manifest.h"
#include "tutti/kubernetes/names.h"
#include "tutti/kubernetes/owner.h"
#include "tutti/report/finish.h"

namespace tutti {
namespace {

// 300 Jobs are made at the pace of the API server.
constexpr double kSubmitSeconds = 300;

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

void leave_cluster(const RunFolder& run) {
  if (const auto cluster = cluster_of(run)) remove_jobs(*make_kubectl(cluster->kubectl), run);
  std::error_code code;
  std::filesystem::remove(run.path() / "cluster.json", code);
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
