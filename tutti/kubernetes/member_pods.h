// What Jobs and Pods say of the members of a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

// True while the cluster may still do something for a member.
bool is_active(const MemberPod& pod);

// A member's status in the store with what the cluster knows better: why it waits, that it is to be tried again, that its Pod
// was killed.
MemberStatus merged_status(const RunFolder& run, const MemberPod& pod);

}  // namespace tutti
