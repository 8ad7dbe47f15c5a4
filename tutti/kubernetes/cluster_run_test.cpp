#include "tutti/kubernetes/cluster_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "tests/written_run.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/fake_kubectl.h"
#include "tutti/kubernetes/kubernetes_runner.h"
#include "tutti/report/finish.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::Contains;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

class ClusterRun : public FolderTest {
 protected:
  void SetUp() override {
    kubectl_.replies["version"] = {.out = R"({"serverVersion": {"major": "1", "minor": "20", "gitVersion": "v1.20.2"}})"};
    kubectl_.replies["config current-context"] = {.out = "here\n"};
    kubectl_.replies["config view"] = {.out = "mine"};
    kubectl_.replies["create"] = {.out = "job.batch/e-r-native-1\n"};
    kubectl_.replies["delete jobs"] = {};
    write_cluster(run_.path(), {.kubectl = {}, .job = "", .id = "0123abcd"});
  }
  static std::string job(const std::string& status, const std::string& member = "native-1", const std::string& spec = "{}") {
    return R"({"kind": "Job", "metadata": {"labels": {"tutti/member": ")" + member + R"("}}, "spec": )" + spec +
           R"(, "status": )" + status + "}";
  }
  static std::string pod(const std::string& status, const std::string& member = "native-1",
                         const char* made = "2026-11-22T10:00:00Z") {
    return R"({"kind": "Pod", "metadata": {"name": "p", "creationTimestamp": ")" + std::string(made) +
           R"(", "labels": {"tutti/member": ")" + member +
           R"("}}, "spec": {"containers": [{"resources": {"limits": {"memory": "64Mi"}}}]}, "status": )" + status + "}";
  }
  MemberPod look(const std::vector<std::string>& items) {
    std::string list;
    for (const std::string& item : items) list += (list.empty() ? "" : ", ") + item;
    kubectl_.replies["get jobs,pods"] = {.out = R"({"kind": "List", "items": [)" + list + "]}"};
    return member_pods(kubectl_, run_, {"native-1", "torch-1"}).at(0);
  }
  FakeKubectl kubectl_;
  const RunFolder run_ = write_test_run(folder_ / "e" / "r", "kubernetes: {storage: {hostPath: " + folder_.string() + "}}\n");
};

TEST_F(ClusterRun, SaysWhyAMemberWaits) {
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

TEST_F(ClusterRun, SaysHowAMemberFailed) {
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

TEST_F(ClusterRun, ReadsIndexedJobs) {
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

TEST_F(ClusterRun, OneJobOfAFiringIsOfAllMembers) {
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

TEST_F(ClusterRun, ASilentClusterIsAnError) {
  kubectl_.replies["get jobs,pods"] = {.code = 1, .err = "The connection to the server was refused\n"};
  EXPECT_THAT(message_of([&] { member_pods(kubectl_, run_, {"a"}); }),
              HasSubstr("the cluster does not answer: The connection"));
}

TEST_F(ClusterRun, SubmitsAllAtOnceAndRemembersWhere) {
  fs::remove(run_.path() / "cluster.json");
  submit_members(kubectl_, run_, {"native-1", "torch-1"});
  EXPECT_EQ(std::ranges::count_if(kubectl_.commands, [](const auto& command) { return command.starts_with("create"); }), 1);
  EXPECT_THAT(kubectl_.inputs.back(), HasSubstr("name: e-r-torch-1"));
  EXPECT_THAT(kubectl_.commands, Not(Contains(StartsWith("delete"))));
  EXPECT_EQ(cluster_of(run_)->kubectl.context, "here");
  EXPECT_EQ(cluster_of(run_)->kubectl.name_space, "mine");
  // Its Jobs are found by an id that no other run has, also when it goes on.
  const std::string id = cluster_of(run_)->id;
  EXPECT_EQ(id.size(), 8u);
  EXPECT_THAT(kubectl_.inputs.back(), ContainsRegex("tutti/run-id: \"?" + id));
  kubectl_.replies["config current-context"] = {.out = "elsewhere\n"};
  submit_members(kubectl_, run_, {"native-1"});
  EXPECT_EQ(cluster_of(run_)->id, id);
  EXPECT_EQ(cluster_of(run_)->kubectl.context, "here");
  EXPECT_THAT(kubectl_.inputs.back(), Not(HasSubstr("torch-1")));
  remove_jobs(kubectl_, run_);
  EXPECT_THAT(kubectl_.commands.back(), StartsWith("delete jobs --selector=tutti/run-id=" + id + " "));
}

TEST_F(ClusterRun, LeavesNothingOfJobsThatAreRefused) {
  kubectl_.replies["create"] = {.code = 1, .err = "Error from server (Forbidden): exceeded quota\n"};
  EXPECT_THAT(message_of([&] { submit_members(kubectl_, run_, {"native-1"}); }),
              HasSubstr("were refused: Error from server (Forbidden): exceeded quota"));
  EXPECT_THAT(kubectl_.commands.back(), StartsWith("delete jobs"));
}

TEST_F(ClusterRun, SettlesWhatMembersCouldNotSay) {
  write_test_member(run_, "torch-1", 0.8f);
  end_member(run_, "torch-1", {"native-1", "torch-1"}, true);
  run_.member("native-1").write_status({.state = MemberState::kRunning});
  settle(run_, {{"native-1", PodState::kFailed, 3, "OOMKilled: out of memory"}, {"torch-1", PodState::kDone, 0, ""}});
  EXPECT_EQ(run_.member("native-1").status().state, MemberState::kFailed);
  EXPECT_EQ(run_.member("native-1").status().error, "OOMKilled: out of memory");
  EXPECT_TRUE(is_finished(run_));
  prepare_again(run_, {"native-1"});
  EXPECT_FALSE(is_finished(run_));
  prepare_again(run_, {});
}

TEST_F(ClusterRun, SettlesWhatADeadPodLeft) {
  for (const char* member : {"native-1", "torch-1"}) write_test_member(run_, member, 0.8f);
  const std::vector<MemberPod> pods = {{"native-1", PodState::kDone, 0, ""}, {"torch-1", PodState::kFailed, 4, "killed"}};
  // It had its results, and died before it could say so; then the one that made the ensemble died, too.
  write_file_atomically(run_.path() / "ended/native-1", "done");
  write_file_atomically(run_.path() / "ended/.ensemble", "native-1");
  settle(run_, {pods[0], {"torch-1", PodState::kRetrying, 1, ""}});
  EXPECT_FALSE(has_ended(run_, "torch-1")) << "it may yet say so itself";
  settle(run_, pods);
  EXPECT_TRUE(has_ended(run_, "torch-1"));
  EXPECT_TRUE(is_finished(run_));
  EXPECT_EQ(run_.member("torch-1").status().state, MemberState::kDone);
}

TEST_F(ClusterRun, NothingOfACancelledRunIsSettled) {
  write_file_atomically(run_.cancel(), "");
  settle(run_, {{"native-1", PodState::kFailed, 1, "the run is cancelled"}, {"torch-1", PodState::kAbsent, 0, ""}});
  EXPECT_FALSE(has_ended(run_, "native-1"));
}

TEST_F(ClusterRun, KeepsTheReasonOfAKilledContainer) {
  const std::string oom =
      R"({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]})";
  const std::string books =
      R"({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 4, "message": "killed"}}}]})";
  const MemberPod member = look({job(R"({"conditions": [{"type": "Failed", "status": "True"}]})"), pod(oom),
                                 pod(books, "native-1", "2026-11-22T10:00:09Z")});
  EXPECT_THAT(member.reason, StartsWith("OOMKilled"));
}

TEST_F(ClusterRun, TheRunnerReportsEndsAndOutlivesTheCommand) {
  const auto runner = make_kubernetes_runner(kubectl_, run_, {"native-1", "torch-1"});
  EXPECT_TRUE(runner->goes_on_alone());
  runner->start({run_, "native-1"});
  runner->start({run_, "torch-1"});
  look({job(R"({"conditions": [{"type": "Complete", "status": "True"}]})"), job("{}", "torch-1"),
        pod(R"({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "message": "no room"}]})",
            "torch-1")});
  EXPECT_TRUE(runner->poll().empty()) << "submitted just now";
  runner->stop("torch-1");  // looks at once
  const std::vector<MemberEnd> ends = runner->poll();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].member, "native-1");
  EXPECT_EQ(ends[0].kind, MemberEnd::Kind::kDone);
  EXPECT_EQ(runner->status(run_, "torch-1").error, "no room");
  EXPECT_THAT(kubectl_.commands, Contains(HasSubstr("tutti/member=torch-1")));
}

}  // namespace
}  // namespace tutti
