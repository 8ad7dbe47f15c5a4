// A run whose members are Jobs: making and removing them, and what the store must know of their ends.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tutti/experiment/store.h"
#include "tutti/kubernetes/kubectl.h"
#include "tutti/kubernetes/member_pods.h"

namespace tutti {

// Makes the Jobs of `wanted`; of earlier ones none may be left. Error if the cluster refuses one: then none is left.
void submit_members(Kubectl& kubectl, const RunFolder& run, const std::vector<std::string>& wanted);

// Makes the user and group of the Pods the owner of an experiment's folder, of its standing ensemble, and of all in one folder
// of it: a run's, a schedule's. Only root can give folders away, and Pods of others run as themselves: does nothing then.
void give_to_pods(const std::filesystem::path& experiment, const std::filesystem::path& folder, std::pair<int, int> user);

// The same for a run whose spec says who they are.
void give_to_pods(const RunFolder& run);

// Removes the Jobs of a run, or that of one member; their Pods are asked to save and end. Error if the cluster does not answer.
void remove_jobs(Kubectl& kubectl, const RunFolder& run, const std::string& member = "");

// Removes the Jobs of a run and forgets the cluster: it goes on elsewhere.
void leave_cluster(const RunFolder& run);

// Records in the store what only the cluster knows: members that failed without a word. If they were the last ones, makes the
// ensemble.
void settle(const RunFolder& run, const std::vector<MemberPod>& pods);

// Makes members that ended ready to go on: forgets that they did, how often they were tried, and a cancel.
void prepare_again(const RunFolder& run, const std::vector<std::string>& members);

}  // namespace tutti
