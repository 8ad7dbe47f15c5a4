// What doctor learns from a Pod, with a kubectl that only pretends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/temporary_folder.h"
#include "tutti/doctor/doctor.h"
#include "tutti/kubernetes/fake_kubectl.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

class DoctorPod : public FolderTest {
 protected:
  void SetUp() override {
    kubectl_.replies["create"] = {.out = "pod/x created\n"};
    kubectl_.replies["delete pod"] = {};
  }

  std::vector<Check> check(const std::string& status, const std::string& resources = "{}") {
    kubectl_.replies["get pod"] = {
        .out = R"({"kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": []}, "status": )" + status + "}"};
    const Spec spec = parse_spec("model: m\ndata: shapes\nkubernetes: {image: i, storage: {hostPath: " + store_.string() +
                                     "}, resources: " + resources + "}\n",
                                 "e.yaml");
    return check_pod(kubectl_, spec, store_, {.server = {1, 30, "v1.30.1"}, .owner = "", .user = 1000, .group = 1000}, 0.2);
  }
  static Check find(const std::vector<Check>& checks, const std::string& name) {
    const auto found = std::ranges::find(checks, name, &Check::name);
    return found == checks.end() ? Check{.name = "", .detail = "no such check"} : *found;
  }
  FakeKubectl kubectl_;
  const fs::path store_ = folder_;
};

TEST_F(DoctorPod, TellsWhatThePodSaw) {
  // Exit code 1 of the Pod: one of its checks is broken, which is told as its own.
  kubectl_.replies["logs"] = {.out = R"([{"name": "store", "state": "broken", "detail": "cannot write", "fix": "chown"},
      {"name": "GPU", "state": "note", "detail": "no NVIDIA GPU here", "fix": ""}, {"name": "plots", "state": "note"}])"};
  const std::vector<Check> checks = check(R"({"phase": "Failed"})");
  EXPECT_EQ(find(checks, "image").detail, "i runs");
  EXPECT_EQ(find(checks, "Pod: store").state, CheckState::kBroken);
  EXPECT_EQ(find(checks, "Pod: store").fix, "chown");
  EXPECT_EQ(find(checks, "Pod: GPU").state, CheckState::kNote);
  EXPECT_EQ(find(checks, "Pod: plots").name, "");
  EXPECT_THAT(kubectl_.inputs, Contains(HasSubstr("command: [tutti, doctor")));
  EXPECT_THAT(kubectl_.commands.back(), StartsWith("delete pod"));
  EXPECT_TRUE(fs::is_empty(store_)) << "nothing is left";
}

TEST_F(DoctorPod, AGpuThatWasGivenAndIsNotSeen) {
  kubectl_.replies["logs"] = {.out = R"([{"name": "GPU", "state": "note", "detail": "no NVIDIA GPU here", "fix": ""}])"};
  const Check gpu = find(check(R"({"phase": "Succeeded"})", "{limits: {nvidia.com/gpu: 1}}"), "Pod: GPU");
  EXPECT_EQ(gpu.state, CheckState::kBroken);
  EXPECT_THAT(gpu.fix, HasSubstr("runtimeClassName: nvidia"));
}

TEST_F(DoctorPod, SaysWhatKeepsItFromRunning) {
  const auto waiting = [](const char* reason) {
    return std::string(R"({"phase": "Pending", "containerStatuses": [{"image": "i", "state": {"waiting": {"reason": ")") +
           reason + R"("}}}]})";
  };
  EXPECT_THAT(find(check(waiting("ImagePullBackOff")), "image").fix, HasSubstr("scripts/image --tag i"));
  EXPECT_THAT(find(check(R"({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
      "message": "persistentvolumeclaim \"tutti\" not found"}]})"),
                   "storage in a Pod")
                  .detail,
              HasSubstr("not found"));
  EXPECT_THAT(find(check(R"({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
      "message": "0/1 nodes are available: 1 Insufficient cpu."}]})"),
                   "a Pod")
                  .detail,
              HasSubstr("Insufficient cpu"));
  kubectl_.replies["create"] = {.code = 1, .err = "Error from server (Forbidden): pods is forbidden\n"};
  EXPECT_THAT(find(check("{}"), "a Pod").detail, HasSubstr("Forbidden"));
}

TEST_F(DoctorPod, AnImageOfSomethingElse) {
  kubectl_.replies["logs"] = {.out = "hello\n"};
  EXPECT_THAT(find(check(R"({"phase": "Succeeded"})"), "a Pod").fix, HasSubstr("is the image one of tutti?"));
}

}  // namespace
}  // namespace tutti
