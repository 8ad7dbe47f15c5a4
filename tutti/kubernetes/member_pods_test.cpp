#include "tutti/kubernetes/member_pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/message_of.h"
#include "tests/run_in_cluster.h"
#include "tutti/kubernetes/cluster_run.h"

namespace tutti {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using MemberPods = RunInCluster;

TEST_F(MemberPods, SaysWhyAMemberWaits) {
  EXPECT_EQ(look({}).state, PodState::kAbsent);
  EXPECT_EQ(look({job("{}", "torch-1")}).state, PodState::kAbsent);
  EXPECT_EQ(look({job("{}")}).state, PodState::kPending);
  MemberPod member =
      look({job(R"({"active": 1})"), pod(R"({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
      "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."}]})")});
  EXPECT_EQ(member.state, PodState::kPending);
  EXPECT_EQ(member.reason, "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.");
  EXPECT_TRUE(is_active(member));
  EXPECT_EQ(merged_status(run_, member).state, MemberState::kWaiting);
  EXPECT_THAT(merged_status(run_, member).error, HasSubstr("Insufficient nvidia.com/gpu"));

  member = look({job("{}"), pod(R"({"phase": "Pending", "containerStatuses": [{"image": "tutti:x",
      "state": {"waiting": {"reason": "ErrImageNeverPull", "message": "Container image is not present"}}}]})")});
  EXPECT_THAT(member.reason, HasSubstr("the node has no image tutti:x and cannot fetch it"));

  kubectl_.replies["get events"] = {
      .out =
          R"({"items": [{"reason": "FailedMount", "involvedObject": {"name": "p"}, "message": "hostPath type check failed: /srv is not a directory\nmore"}]})"};
  member =
      look({job("{}"),
            pod(R"({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]})")});
  EXPECT_EQ(member.reason, "FailedMount: hostPath type check failed: /srv is not a directory");

  EXPECT_EQ(look({job("{}", "native-1", R"({"suspend": true})")}).state, PodState::kSuspended);
}

TEST_F(MemberPods, SaysHowAMemberFailed) {
  const std::string oom =
      R"({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]})";
  const std::string error =
      R"({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 1, "message": "loading\ntutti: error: no disk\n"}}}]})";
  MemberPod member = look({job("{}"), pod(oom)});
  EXPECT_EQ(member.state, PodState::kRetrying);
  EXPECT_EQ(member.failures, 1);
  EXPECT_EQ(member.reason, "OOMKilled: out of memory at its limit of 64Mi");
  EXPECT_THAT(merged_status(run_, member).error, HasSubstr("to be tried again after 1 failure: OOMKilled"));

  // The newest Pod counts, in whatever order they come.
  member =
      look({job(R"({"failed": 2, "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]})"),
            pod(error, "native-1", "2026-11-22T10:00:09Z"), pod(oom)});
  EXPECT_EQ(member.state, PodState::kFailed);
  EXPECT_EQ(member.failures, 2);
  EXPECT_EQ(member.reason, "no disk");
  EXPECT_FALSE(is_active(member));

  EXPECT_THAT(look({job(R"({"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]})")}).reason,
              HasSubstr("the deadline of its Job passed"));
  EXPECT_THAT(
      look({job("{}"), pod(R"({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."})")})
          .reason,
      HasSubstr("evicted from its node: The node was low"));
  EXPECT_EQ(look({job(R"({"conditions": [{"type": "Complete", "status": "True"}]})"), pod(R"({"phase": "Succeeded"})")}).state,
            PodState::kDone);
}

TEST_F(MemberPods, ReadsIndexedJobs) {
  const std::string indexed = R"({"kind": "Job", "metadata": {"labels": {}}, "spec": {"completionMode": "Indexed"},
      "status": {"completedIndexes": "1,3-5", "failedIndexes": "0"}})";
  kubectl_.replies["get jobs,pods"] = {.out = R"({"items": [)" + indexed +
                                              R"(, {"kind": "Pod", "metadata": {"name": "p", "annotations":
      {"batch.kubernetes.io/job-completion-index": "2"}}, "status": {"phase": "Running"}}]})"};
  const std::vector<MemberPod> members = member_pods(kubectl_, run_, {"a", "b", "c", "d"});
  EXPECT_EQ(members[0].state, PodState::kFailed);
  EXPECT_EQ(members[1].state, PodState::kDone);
  EXPECT_EQ(members[2].state, PodState::kRunning);
  EXPECT_EQ(members[3].state, PodState::kDone);
}

TEST_F(MemberPods, OneJobOfAFiringIsOfAllMembers) {
  write_cluster(run_.path(), {.kubectl = {.context = "here", .name_space = ""}, .job = "e-29724180"});
  kubectl_.replies["get jobs"] = {.out =
                                      R"({"items": [{"kind": "Job", "metadata": {"labels": {}}, "status": {"active": 1}}]})"};
  kubectl_.replies["get pods"] = {.out = R"({"items": [{"kind": "Pod", "metadata": {"labels": {"job-name": "e-29724180"}},
      "status": {"phase": "Running"}}]})"};
  for (const MemberPod& member : member_pods(kubectl_, run_, {"native-1", "torch-1"}))
    EXPECT_EQ(member.state, PodState::kRunning);
  remove_jobs(kubectl_, run_);
  EXPECT_THAT(kubectl_.commands.back(), StartsWith("delete jobs e-29724180 --ignore-not-found"));
}

TEST_F(MemberPods, ASilentClusterIsAnError) {
  kubectl_.replies["get jobs,pods"] = {.code = 1, .err = "The connection to the server was refused\n"};
  EXPECT_THAT(message_of([&] { member_pods(kubectl_, run_, {"a"}); }),
              HasSubstr("the cluster does not answer: The connection"));
}

TEST_F(MemberPods, KeepsTheReasonOfAKilledContainer) {
  const std::string oom =
      R"({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]})";
  const std::string books =
      R"({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 4, "message": "killed"}}}]})";
  const MemberPod member = look({job(R"({"conditions": [{"type": "Failed", "status": "True"}]})"), pod(oom),
                                 pod(books, "native-1", "2026-11-22T10:00:09Z")});
  EXPECT_THAT(member.reason, StartsWith("OOMKilled"));
}

}  // namespace
}  // namespace tutti
