// A run whose members are Jobs: submitting them, and what the cluster says of each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tutti/experiment/plan.h"
#include "tutti/experiment/store.h"
#include "tutti/kubernetes/kubectl.h"

namespace tutti {

enum class PodState : std::uint8_t {
  kAbsent,     // no Job: never submitted, cancelled, or removed after its time
  kSuspended,  // the Job waits for a queue or for somebody
  kPending,    // its Pod does not run yet
  kRunning,
  kRetrying,  // a Pod failed; another one is to come
  kDone,
  kFailed,  // for good
};

// What the cluster says of a member.
struct MemberPod {
  std::string member;
  PodState state = PodState::kAbsent;
  int failures = 0;    // of its Pods
  std::string reason;  // why it is pending or how its last Pod failed, one line; may be empty
};

// Of every member of a run, from the Jobs and Pods with its labels. `plan`: their names in the order of the plan. Error if the
// cluster does not answer.
std::vector<MemberPod> member_pods(Kubectl& kubectl, const RunFolder& run, const std::vector<std::string>& plan);

// Of one Pod by its name.
MemberPod pod_of_name(Kubectl& kubectl, const std::string& name);

// Makes the Jobs of `wanted`; of earlier ones none may be left. Error if the cluster refuses one: then none is
// left.
void submit_members(Kubectl& kubectl, const RunFolder& run, const std::vector<std::string>& wanted);

// Makes the user and group of the Pods the owner of an experiment's folder, of its standing ensemble, and of all in one folder
// of it: a run's, a schedule's. Only root can give folders away, and Pods of others run as themselves: does nothing then.
void give_to_pods(const std::filesystem::path& experiment, const std::filesystem::path& folder, std::pair<int, int> user);

// The same for a run whose spec says who they are.
void give_to_pods(const RunFolder& run);

// Removes the Jobs of a run, or of some of its members; their Pods are asked to save and end. Error if the cluster does not
// answer.
void remove_jobs(Kubectl& kubectl, const RunFolder& run, const std::string& member = "");

// Where the Jobs of a run are.
struct RunCluster {
  KubectlOptions kubectl;
  std::string job;  // the one Job of all members, of a run that a CronJob started; "": those with the run's id
  std::string id;   // of the run's objects
};
// cluster.json of a run, or of a schedule. Nothing if it never was on a cluster.
std::optional<RunCluster> cluster_of(const std::filesystem::path& folder);
inline std::optional<RunCluster> cluster_of(const RunFolder& run) { return cluster_of(run.path()); }
void write_cluster(const std::filesystem::path& folder, const RunCluster& cluster);
// Where a spec wants its Jobs.
KubectlOptions cluster_of(const Spec& spec);

// A member's status in the store with what the cluster knows better: why it waits, that it is to be tried again, that its Pod
// was killed.
MemberStatus merged_status(const RunFolder& run, const MemberPod& pod);

// Removes the Jobs of a run and forgets the cluster: it goes on elsewhere.
void leave_cluster(const RunFolder& run);

// True while the cluster may still do something for a member.
bool is_active(const MemberPod& pod);

// Records in the store what only the cluster knows: members that failed without a word. If they were the last ones, makes the
// ensemble.
void settle(const RunFolder& run, const std::vector<MemberPod>& pods);

// Makes members that ended ready to go on: forgets that they did, how often they were tried, and a cancel.
void prepare_again(const RunFolder& run, const std::vector<std::string>& members);

}  // namespace tutti
