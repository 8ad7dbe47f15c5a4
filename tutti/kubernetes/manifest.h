// The YAML of Jobs and CronJobs: nothing else is made in a cluster, and nothing need be installed there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tutti/experiment/plan.h"
#include "tutti/experiment/store.h"
#include "tutti/kubernetes/kubectl.h"

namespace tutti {

// What a member's process tells its Job: `tutti pod`.
inline constexpr int kPodInterrupted = 130;  // asked to stop; another Pod goes on from its checkpoint
inline constexpr int kPodCancelled = 5;      // the run is cancelled: no other Pod need come
inline constexpr int kPodFailedForGood = 4;  // it has failed as often as it may

// What manifests need beside the spec.
struct ManifestOptions {
  ServerVersion server;
  std::string owner;        // the user's name
  std::string run_id = {};  // of the run's objects
  int user = 0, group = 0;  // that the Pods run as
};

// How often a member may begin: its Job's retries and the first.
int attempts_of(const Spec& spec);

// The Jobs that train `wanted`, members of the run's plan: one a member, or one Indexed Job of the whole plan. YAML documents.
// Error if the server would drop a field in silence, or if members of an Indexed Job need different Pods.
std::string job_manifests(const Spec& spec, const RunFolder& run, const std::vector<Member>& plan,
                          const std::vector<std::string>& wanted, const ManifestOptions& options);

struct CronOptions {
  std::string schedule;                // "0 3 * * *"
  std::string time_zone;               // "Europe/Berlin"; "": the controller's
  std::string concurrency = "Forbid";  // Allow, Forbid, Replace
  int starting_deadline = 0;           // seconds that a missed firing may be late; 0: any
  int successful_history = 3, failed_history = 1;
  bool suspend = false;
  bool v1beta1 = false;  // the server has CronJobs in batch/v1beta1 only
};

// The CronJob of an experiment whose spec and files lie in `folder`: each firing is a Job, which is a new run; where the server
// can, an Indexed Job with a Pod a member, else one Pod that trains all members. Error as above.
std::string cron_manifest(const Spec& spec, const std::filesystem::path& folder, const std::vector<Member>& plan,
                          const CronOptions& cron, const ManifestOptions& options);
// Its name in the cluster.
std::string cron_name(const Spec& spec);

// A Pod that says how the image and the storage are: `tutti doctor --json` in the place of a member. `expect`: a file in the
// store that it looks for.
std::string probe_manifest(const Spec& spec, const std::string& name, const std::filesystem::path& store,
                           const std::string& expect, const ManifestOptions& options);

// Error if members in Pods would not see a file or folder of the spec, or the store: they see the storage's mount and the
// image.
void check_visible(const Spec& spec, const std::filesystem::path& store);

// The user and group that Pods run as: yours. Of root, who must not be theirs: the spec's; else the store's owner, if that is
// not root; else 65532, which images call nonroot. Error if you are not root and the spec wants somebody else.
std::pair<int, int> pod_user(const KubernetesSpec& spec, const std::filesystem::path& store);

}  // namespace tutti
