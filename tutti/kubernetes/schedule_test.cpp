#include "tutti/kubernetes/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/experiment/experiment.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/cron_job.h"
#include "tutti/kubernetes/fake_kubectl.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ScheduleTest : public FolderTest {
 protected:
  void SetUp() override { write_file_atomically(folder_ / "m.yaml", "layers: []\n"); }
  fs::path schedule(const std::string& members) const {
    const Spec given = parse_spec("name: e\nmodel: m.yaml\ndata: shapes\nmembers: " + members, folder_ / "e.yaml");
    return write_schedule(given, resolve(given, Where::kElsewhere), folder_ / "runs");
  }
};

TEST(Schedule, RunsAreNamedAfterTheirTime) {
  EXPECT_EQ(run_name_of_job("cifar10-29724180"), "20260707-190000");
  EXPECT_EQ(run_name_of_job("cifar10-1783450800"), "20260707-190000");  // of a controller before 1.21
  EXPECT_EQ(run_name_of_job("cifar10-manual-1"), "cifar10-manual-1");
  EXPECT_EQ(run_name_of_job("x"), "x");
  EXPECT_EQ(run_name_of_job("cifar10-99999999999999999999"), "cifar10-99999999999999999999");
}

TEST_F(ScheduleTest, EachFiringIsARunWithSeedsOfItsOwn) {
  const fs::path folder = schedule("{engine: [native, onednn]}");
  const RunFolder first = run_of_firing(folder, "e-29724180"), again = run_of_firing(folder, "e-29724180");
  EXPECT_EQ(first.path(), again.path());
  EXPECT_EQ(first.path(), folder_ / "runs" / "e" / "20260707-190000");
  EXPECT_THAT(names_of(plan(spec_of_run(first))), ElementsAre("native-29724180", "onednn-29724180"));
  EXPECT_TRUE(fs::exists(first.path() / "m.yaml"));
  EXPECT_EQ(cluster_of(first)->job, "e-29724180");
  const RunFolder second = run_of_firing(folder, "e-29724240");
  EXPECT_THAT(names_of(plan(spec_of_run(second))), ElementsAre("native-29724240", "onednn-29724240"));
  EXPECT_EQ(list_runs(folder_ / "runs").size(), 2u) << "nothing is left aside";
}

TEST_F(ScheduleTest, SeedsThatTheUserGaveStay) {
  const fs::path folder = schedule("{engine: [native], seed: [7, 8]}");
  EXPECT_THAT(names_of(plan(spec_of_run(run_of_firing(folder, "e-29724180")))), ElementsAre("native-7", "native-8"));
}

TEST_F(ScheduleTest, SaysThatTheVolumeIsAnotherOne) {
  EXPECT_THAT(message_of([&] { run_of_firing(folder_ / "runs/e/schedule/x", "e-29724180"); }),
              HasSubstr("Expected the volume of this Pod"));
}

TEST(Schedule, ACrontabHasFiveFields) {
  check_schedule("0 3 * * *");
  check_schedule("@daily");
  EXPECT_THROW(check_schedule("0 3 * *"), Error);
  EXPECT_THROW(check_schedule(""), Error);
}

TEST(Schedule, OldServersHaveCronJobsInABetaVersion) {
  FakeKubectl kubectl;
  kubectl.replies["get --raw /apis/batch/v1"] = {.out = R"({"resources": [{"name": "jobs"}]})"};
  EXPECT_FALSE(has_v1_cron_jobs(kubectl));
  kubectl.replies["get --raw /apis/batch/v1"] = {.out = R"({"resources": [{"name": "jobs"}, {"name":"cronjobs"}]})"};
  EXPECT_TRUE(has_v1_cron_jobs(kubectl));
  kubectl.replies["apply"] = {.code = 1, .err = "Error from server (Invalid): spec.schedule: Invalid value\n"};
  EXPECT_THAT(message_of([&] { apply_cron_job(kubectl, "kind: CronJob\n"); }),
              HasSubstr("the CronJob was refused: Error from server (Invalid)"));
}

}  // namespace
}  // namespace tutti
