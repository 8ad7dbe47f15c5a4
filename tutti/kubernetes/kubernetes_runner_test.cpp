#include "tutti/kubernetes/kubernetes_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/run_in_cluster.h"

namespace tutti {
namespace {

using testing::Contains;
using testing::HasSubstr;

using KubernetesRunnerTest = RunInCluster;

TEST_F(KubernetesRunnerTest, ReportsEndsAndOutlivesTheCommand) {
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
