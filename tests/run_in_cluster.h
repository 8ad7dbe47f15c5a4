// A run whose Jobs are in a cluster that only pretends: a test says which Jobs and Pods there are.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/temporary_folder.h"
#include "tests/written_run.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/fake_kubectl.h"
#include "tutti/kubernetes/member_pods.h"

namespace tutti {

class RunInCluster : public FolderTest {
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
  // Of native-1, if this is all there is.
  MemberPod look(const std::vector<std::string>& items) {
    std::string list;
    for (const std::string& item : items) list += (list.empty() ? "" : ", ") + item;
    kubectl_.replies["get jobs,pods"] = {.out = R"({"kind": "List", "items": [)" + list + "]}"};
    return member_pods(kubectl_, run_, {"native-1", "torch-1"}).at(0);
  }
  FakeKubectl kubectl_;
  const RunFolder run_ = write_test_run(folder_ / "e" / "r", "kubernetes: {storage: {hostPath: " + folder_.string() + "}}\n");
};

}  // namespace tutti
