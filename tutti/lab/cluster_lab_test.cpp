#include "tutti/lab/cluster_lab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/message_of.h"
#include "tutti/base/error.h"
#include "tutti/kubernetes/fake_kubectl.h"

namespace tutti {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const KubectlReply kNotFound = {.code = 1, .out = "", .err = "Error from server (NotFound): it is not found\n"};

LabSpec spec() { return {.kubernetes = {.image = "tutti-lab:1"}, .change_cause = "first"}; }

TEST(ClusterLab, MakesTheSecretOnce) {
  FakeKubectl kubectl;
  kubectl.replies["get secret tutti-lab"] = kNotFound;
  kubectl.replies["create"] = {.out = "secret/tutti-lab\n"};
  kubectl.replies["apply"] = {.out = "deployment.apps/tutti-lab\n"};
  apply_lab(kubectl, spec(), "kind: Deployment\n");
  ASSERT_THAT(kubectl.commands, ElementsAre(StartsWith("get secret"), StartsWith("create"), StartsWith("apply")));
  EXPECT_THAT(kubectl.inputs[1], testing::ContainsRegex("token: \"?[0-9a-f]{48}"));
  EXPECT_EQ(kubectl.inputs[2], "kind: Deployment\n");
  // The token is in no argument.
  for (const std::string& command : kubectl.commands) EXPECT_THAT(command, Not(HasSubstr("token")));

  kubectl.replies["get secret tutti-lab"] = {.out = "secret/tutti-lab\n"};
  kubectl.commands.clear();
  apply_lab(kubectl, spec(), "kind: Deployment\n");
  EXPECT_THAT(kubectl.commands, ElementsAre(StartsWith("get secret"), StartsWith("apply")));
}

TEST(ClusterLab, SaysWhatTheServerSays) {
  FakeKubectl kubectl;
  kubectl.replies["get secret"] = {.code = 1, .out = "", .err = "Error from server (Forbidden): secrets is forbidden\n"};
  EXPECT_THAT(message_of([&] { apply_lab(kubectl, spec(), ""); }), HasSubstr("secrets is forbidden"));
  kubectl.replies["patch"] = kNotFound;
  EXPECT_THAT(message_of([&] { set_lab_image(kubectl, "tutti-lab", "a", "b"); }), HasSubstr("tutti lab up --on kubernetes"));
  kubectl.replies["get deployment"] = kNotFound;
  EXPECT_THAT(message_of([&] { lab_status(kubectl, "tutti-lab"); }), HasSubstr("there is no lab tutti-lab"));
}

TEST(ClusterLab, AnImageIsOneRevision) {
  FakeKubectl kubectl;
  kubectl.replies["patch deployment ml"] = {};
  set_lab_image(kubectl, "ml", "lab:2", "numpy added");
  ASSERT_EQ(kubectl.commands.size(), 1u);
  EXPECT_THAT(kubectl.commands[0], HasSubstr(R"("kubernetes.io/change-cause":"numpy added")"));
  EXPECT_THAT(kubectl.commands[0], HasSubstr(R"({"image":"lab:2","name":"lab"})"));
}

TEST(ClusterLab, Status) {
  FakeKubectl kubectl;
  kubectl.replies["get deployment"] = {
      .out = R"({"metadata":{"annotations":{"kubernetes.io/change-cause":"first","deployment.kubernetes.io/revision":"3"}},
                 "spec":{"template":{"spec":{"containers":[{"image":"lab:1"}]}}},"status":{"readyReplicas":1,"updatedReplicas":1}})"};
  kubectl.replies["get pods"] = {.out = R"({"items":[{"metadata":{"name":"old","creationTimestamp":"2026-01-01T00:00:00Z"}},
                          {"metadata":{"name":"new","creationTimestamp":"2026-01-02T00:00:00Z"},
                           "status":{"hostIP":"10.0.0.3","containerStatuses":[{"restartCount":2}]}}]})"};
  kubectl.replies["get service"] = {.out = R"({"spec":{"ports":[{"nodePort":30001}]}})"};
  const LabStatus status = lab_status(kubectl, "ml");
  EXPECT_TRUE(status.ready);
  EXPECT_EQ(status.revision, 3);
  EXPECT_EQ(status.image, "lab:1");
  EXPECT_EQ(status.change_cause, "first");
  EXPECT_EQ(status.pod, "new");
  EXPECT_EQ(status.restarts, 2);
  EXPECT_EQ(status.address, "10.0.0.3:30001");
  kubectl.replies["get service"] = {.out = R"({"spec":{"ports":[{"port":8888}]}})"};
  EXPECT_EQ(lab_status(kubectl, "ml").address, "");
}

TEST(ClusterLab, HistoryAndRollback) {
  FakeKubectl kubectl;
  kubectl.replies["get deployment"] = {.out = R"({"metadata":{"annotations":{"deployment.kubernetes.io/revision":"10"}}})"};
  const auto set = [](int number, const char* cause) {
    return fmt::format(R"({{"metadata":{{"creationTimestamp":"t","annotations":{{"kubernetes.io/change-cause":"{}",
      "deployment.kubernetes.io/revision":"{}"}}}},"spec":{{"template":{{"spec":{{"containers":[{{"image":"lab:{}"}}]}}}}}}}})",
                       cause, number, number);
  };
  kubectl.replies["get replicasets"] = {.out = R"({"items":[)" + set(10, "second") + "," + set(9, "first") + "]}"};
  const auto history = lab_history(kubectl, "ml");
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].change_cause, "first");
  EXPECT_FALSE(history[0].current);
  EXPECT_EQ(history[1].image, "lab:10");
  EXPECT_TRUE(history[1].current);

  kubectl.replies["rollout undo"] = {};
  roll_lab_back(kubectl, "ml", 0);
  roll_lab_back(kubectl, "ml", 9);
  EXPECT_THAT(kubectl.commands, Contains("rollout undo deployment ml"));
  EXPECT_EQ(kubectl.commands.back(), "rollout undo deployment ml --to-revision=9");
  kubectl.replies["rollout undo"] = {.code = 1, .out = "", .err = "error: unable to find specified revision 4 in history\n"};
  EXPECT_THAT(message_of([&] { roll_lab_back(kubectl, "ml", 4); }), HasSubstr("unable to find specified revision 4"));
}

TEST(ClusterLab, NotebooksAreRemovedOnlyWhenAsked) {
  FakeKubectl kubectl;
  kubectl.replies["delete"] = {.out = "deployment.apps/ml\n"};
  EXPECT_TRUE(remove_lab(kubectl, "ml", false));
  EXPECT_THAT(kubectl.commands.back(), Not(HasSubstr("persistentvolumeclaim")));
  EXPECT_THAT(kubectl.commands.back(), HasSubstr("app.kubernetes.io/instance=ml"));
  EXPECT_TRUE(remove_lab(kubectl, "ml", true));
  EXPECT_THAT(kubectl.commands.back(), HasSubstr("persistentvolumeclaim"));
  kubectl.replies["delete"] = {};
  EXPECT_FALSE(remove_lab(kubectl, "ml", false));
}

TEST(ClusterLab, WaitingSaysWhy) {
  FakeKubectl kubectl;
  kubectl.replies["rollout status"] = {.code = 1, .out = "", .err = "error: timed out waiting for the condition\n"};
  kubectl.replies["get pods"] = {
      .out =
          R"({"items":[{"metadata":{"name":"ml-1"},"status":{"containerStatuses":[{"state":{"waiting":{"reason":"CrashLoopBackOff"}},
                 "lastState":{"terminated":{"message":"a line\nno such option\n"}}}]}}]})"};
  std::vector<std::string> said;
  const std::string error =
      message_of([&] { wait_for_lab(kubectl, "ml", 0, [&](const std::string& reason) { said.push_back(reason); }); });
  EXPECT_THAT(said, ElementsAre("it ended: no such option"));
  EXPECT_THAT(error, HasSubstr("it ended: no such option"));
  kubectl.replies["rollout status"] = {};
  EXPECT_EQ(message_of([&] { wait_for_lab(kubectl, "ml", 0, [](const std::string&) {}); }), "no error");
}

TEST(ClusterLab, APodThatGoesWhileItIsLookedAt) {
  FakeKubectl kubectl;
  kubectl.replies["rollout status"] = {.code = 1, .out = "", .err = "error: timed out waiting for the condition\n"};
  kubectl.replies["get pods"] = {.out = R"({"items":[{"metadata":{"name":"ml-1"}}]})"};
  kubectl.replies["get pod ml-1"] = kNotFound;
  EXPECT_THAT(message_of([&] { wait_for_lab(kubectl, "ml", 0, [](const std::string&) {}); }),
              HasSubstr("is not ready after 0 s"));
}

TEST(ClusterLab, WithoutAPodTheClusterSaysWhy) {
  FakeKubectl kubectl;
  kubectl.replies["rollout status"] = {.code = 1, .out = "", .err = "error: timed out waiting for the condition\n"};
  kubectl.replies["get pods"] = {.out = R"({"items":[]})"};
  std::vector<std::string> said;
  const auto wait = [&] {
    return message_of([&] { wait_for_lab(kubectl, "ml", 0, [&](const std::string& reason) { said.push_back(reason); }); });
  };
  // Between the old Pod and the new one there is nothing to say.
  kubectl.replies["get deployment"] = {.out = R"({"metadata":{},"status":{}})"};
  EXPECT_THAT(wait(), HasSubstr("nobody says why"));
  EXPECT_TRUE(said.empty());
  kubectl.replies["get deployment"] = {
      .out = R"({"metadata":{},"status":{"conditions":[{"type":"Available","status":"False","message":"no"},
                 {"type":"ReplicaFailure","status":"True","message":"exceeded quota: small"}]}})"};
  EXPECT_THAT(wait(), HasSubstr("exceeded quota: small"));
  EXPECT_THAT(said, ElementsAre("exceeded quota: small"));
}

TEST(ClusterLab, Token) {
  FakeKubectl kubectl;
  kubectl.replies["get secret"] = {.out = "5ec2e7"};
  EXPECT_EQ(lab_token(kubectl, "ml"), "5ec2e7");
  kubectl.replies["get secret"] = {};
  EXPECT_THAT(message_of([&] { lab_token(kubectl, "ml"); }), HasSubstr("has no token"));
}

}  // namespace
}  // namespace tutti
