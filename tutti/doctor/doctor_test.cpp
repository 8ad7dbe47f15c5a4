#include "tutti/doctor/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/temporary_folder.h"
#include "tutti/base/files.h"
#include "tutti/kubernetes/fake_kubectl.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::HasSubstr;

Check find(const std::vector<Check>& checks, const std::string& name) {
  const auto found = std::ranges::find(checks, name, &Check::name);
  return found == checks.end() ? Check{.name = "", .detail = "no such check"} : *found;
}

FakeKubectl healthy_cluster() {
  FakeKubectl kubectl;
  kubectl.replies["version"] = {.out = R"({"serverVersion": {"major": "1", "minor": "30", "gitVersion": "v1.30.1"}})"};
  kubectl.replies["get nodes"] = {.out = R"({"items": [
      {"metadata": {"name": "one"}, "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}],
       "allocatable": {"cpu": "8", "nvidia.com/gpu": "2"}}},
      {"metadata": {"name": "two"}, "spec": {"unschedulable": true}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}}]})"};
  kubectl.replies["get storageclasses"] = {.out = R"({"items": [{"metadata": {"name": "standard", "annotations":
      {"storageclass.kubernetes.io/is-default-class": "true"}}}]})"};
  kubectl.replies["auth can-i"] = {.out = ""};
  return kubectl;
}

TEST(Doctor, FindsAHealthyCluster) {
  FakeKubectl kubectl = healthy_cluster();
  const std::vector<Check> checks = check_cluster(kubectl);
  EXPECT_EQ(find(checks, "cluster").state, CheckState::kGood);
  EXPECT_EQ(find(checks, "cluster").detail, "Kubernetes v1.30.1");
  EXPECT_EQ(find(checks, "nodes").detail, "1 of 2 ready; no Pod is placed on two");
  EXPECT_EQ(find(checks, "nodes").fix, "kubectl uncordon two");
  EXPECT_EQ(find(checks, "GPUs of the nodes").detail, "nvidia.com/gpu: 2 on one");
  EXPECT_EQ(find(checks, "storage classes").detail, "standard (default)");
  EXPECT_EQ(find(checks, "permissions").state, CheckState::kGood);
}

TEST(Doctor, SaysWhatAnOldClusterLacks) {
  FakeKubectl kubectl = healthy_cluster();
  kubectl.replies["version"] = {.out = R"({"serverVersion": {"major": "1", "minor": "20", "gitVersion": "v1.20.2"}})"};
  const Check check = find(check_cluster(kubectl), "cluster");
  EXPECT_EQ(check.state, CheckState::kNote);
  EXPECT_THAT(check.detail, HasSubstr("v1.20.2 lacks batch/v1 CronJobs (1.21), Indexed Jobs (1.22)"));
}

TEST(Doctor, SaysWhatIsWrongWithACluster) {
  FakeKubectl kubectl = healthy_cluster();
  kubectl.replies["auth can-i create jobs"] = {.code = 1, .out = "no\n"};
  kubectl.replies["get nodes"] = {.code = 1, .err = "Error from server (Forbidden): nodes is forbidden\n"};
  kubectl.replies["get storageclasses"] = {.out = R"({"items": []})"};
  const std::vector<Check> checks = check_cluster(kubectl);
  EXPECT_EQ(find(checks, "permissions").state, CheckState::kBroken);
  EXPECT_EQ(find(checks, "permissions").detail, "you may not create jobs.batch");
  EXPECT_THAT(find(checks, "nodes").detail, HasSubstr("nodes is forbidden"));
  EXPECT_THAT(find(checks, "storage classes").fix, HasSubstr("NFS"));

  FakeKubectl gone;
  gone.replies["version"] = {.code = 1, .err = "Unable to connect to the server: dial tcp: i/o timeout\n"};
  const std::vector<Check> none = check_cluster(gone);
  ASSERT_EQ(none.size(), 1u);
  EXPECT_EQ(none[0].state, CheckState::kBroken);
  EXPECT_THAT(none[0].detail, HasSubstr("i/o timeout"));

  FakeKubectl silent = healthy_cluster();
  silent.replies["get nodes"] = {.out = R"({"items": [{"metadata": {}, "status": {}}]})"};
  EXPECT_EQ(find(check_cluster(silent), "nodes").state, CheckState::kBroken);
}

// A machine whose programs are scripts and whose /proc and /dev are folders.
class Machine : public FolderTest {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "bin");
    write_file_atomically(folder_ / "proc/cpuinfo", "model name\t: Tiny CPU\nflags\t\t: fpu sse avx2\n");
    before_ = std::getenv("PATH");
    ::setenv("PATH", (folder_ / "bin").c_str(), 1);
  }
  void TearDown() override { ::setenv("PATH", before_.c_str(), 1); }
  void write_program(const std::string& name, const std::string& script) const {
    write_file_atomically(folder_ / "bin" / name, "#!/bin/sh\n" + script + "\n");
    fs::permissions(folder_ / "bin" / name, fs::perms::owner_all);
  }
  std::vector<Check> check() const { return check_machine(folder_ / "store", folder_); }
  std::string before_;
};

TEST_F(Machine, WithoutAGpu) {
  const std::vector<Check> checks = check();
  EXPECT_THAT(find(checks, "processor").detail, HasSubstr("Tiny CPU, AVX2"));
  EXPECT_EQ(find(checks, "engine native").state, CheckState::kGood);
  EXPECT_EQ(find(checks, "GPU").state, CheckState::kNote);
  EXPECT_THAT(find(checks, "containers").detail, HasSubstr("no docker"));
  EXPECT_EQ(find(checks, "store").state, CheckState::kGood);
  EXPECT_FALSE(fs::exists(folder_ / "store")) << "a check must leave nothing behind";
  EXPECT_THAT(find(checks, "plots").fix, HasSubstr("gnuplot"));
}

TEST_F(Machine, WithAGpuAndItsDriver) {
  write_file_atomically(folder_ / "dev/nvidia0", "");
  EXPECT_EQ(find(check(), "GPU").state, CheckState::kBroken);
  EXPECT_THAT(find(check(), "GPU").fix, HasSubstr("driver"));
  write_program("nvidia-smi", "echo 'NVIDIA GeForce GTX 1080 Ti, 535.183.01, 11264 MiB'");
  write_program("docker", "case $1 in --version) echo Docker version 26;; *) exit 1;; esac");
  const std::vector<Check> checks = check();
  EXPECT_THAT(find(checks, "GPU").detail, HasSubstr("1080 Ti"));
  EXPECT_EQ(find(checks, "containers").state, CheckState::kNote);
  EXPECT_THAT(find(checks, "containers").fix, HasSubstr("systemctl start docker"));
  EXPECT_THAT(find(checks, "GPU in containers").fix, HasSubstr("nvidia-container-toolkit"));
  write_program("docker", "echo Docker version 26");
  write_program("nvidia-ctk", "echo NVIDIA Container Toolkit CLI version 1.17");
  EXPECT_EQ(find(check(), "containers").state, CheckState::kGood);
  EXPECT_EQ(find(check(), "GPU in containers").state, CheckState::kGood);
}

TEST_F(Machine, AStoreThatCannotBeWritten) {
  write_file_atomically(folder_ / "store", "a file");
  const Check check = find(check_machine(folder_ / "store" / "runs", folder_), "store");
  EXPECT_EQ(check.state, CheckState::kBroken);
  EXPECT_THAT(check.fix, HasSubstr("TUTTI_STORE"));
}

}  // namespace
}  // namespace tutti
