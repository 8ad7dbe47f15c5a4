#include "tutti/kubernetes/cluster_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/message_of.h"
#include "tests/run_in_cluster.h"
#include "tutti/report/finish.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::Contains;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using ClusterRun = RunInCluster;

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
  EXPECT_FALSE(has_ended(run_, "native-1"));
  // With nobody to train again, only the wish to stop is gone.
  write_file_atomically(run_.cancel(), "");
  prepare_again(run_, {});
  EXPECT_FALSE(fs::exists(run_.cancel()));
  EXPECT_TRUE(has_ended(run_, "torch-1"));
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

}  // namespace
}  // namespace tutti
