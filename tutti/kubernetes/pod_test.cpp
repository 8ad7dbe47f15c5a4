#include "tutti/kubernetes/pod.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/fake_runner.h"
#include "tutti/kubernetes/manifest.h"
#include "tutti/report/finish.h"
#include "tutti/report/written_run.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::HasSubstr;
using Kind = MemberEnd::Kind;

class PodTest : public FolderTest {
 protected:
  void SetUp() override { set_interrupted(false); }
  void TearDown() override { set_interrupted(false); }
  static MemberEnd succeed(const MemberJob& job, bool) {
    write_test_member(job.run, job.member, 0.8f);
    return {job.member};
  }
  static MemberEnd fail_once(const MemberJob& job, bool) {
    job.run.member(job.member).write_status({.state = MemberState::kFailed, .error = "no luck"});
    return {job.member, Kind::kFailed, "exit code 1"};
  }
  static PodEnd pod(const RunFolder& run, const std::string& member, const FakeRunner::Play& play, int attempts = 3) {
    FakeRunner runner(play);
    return run_pod(run, {member}, attempts, runner);
  }
};

TEST_F(PodTest, TrainsItsMemberAndTheLastOneMakesTheEnsemble) {
  const RunFolder run = write_test_run(folder_ / "e" / "r");
  EXPECT_EQ(pod(run, "native-1", succeed).code, 0);
  EXPECT_FALSE(is_finished(run));
  EXPECT_EQ(pod(run, "torch-1", succeed).code, 0);
  EXPECT_TRUE(is_finished(run));
  // A Pod that comes again has nothing to do.
  EXPECT_EQ(pod(run, "torch-1", [](const MemberJob& job, bool) { return fail_once(job, false); }).code, 0);
}

TEST_F(PodTest, AFailedMemberIsTriedAgainUntilItMayNot) {
  const RunFolder run = write_test_run(folder_ / "e" / "r");
  EXPECT_EQ(pod(run, "native-1", succeed).code, 0);
  EXPECT_EQ(pod(run, "torch-1", fail_once).code, 1);
  EXPECT_EQ(pod(run, "torch-1", fail_once).code, 1);
  EXPECT_FALSE(has_ended(run, "torch-1"));
  const PodEnd last = pod(run, "torch-1", fail_once);
  EXPECT_EQ(last.code, kPodFailedForGood);
  EXPECT_EQ(last.error, "no luck");
  EXPECT_TRUE(is_finished(run)) << "the other one is not left waiting";
  // It stays so.
  EXPECT_EQ(pod(run, "torch-1", succeed).code, kPodFailedForGood);
}

TEST_F(PodTest, AThirdTryMaySucceed) {
  const RunFolder run = write_test_run(folder_ / "e" / "r");
  EXPECT_EQ(pod(run, "torch-1", fail_once).code, 1);
  EXPECT_EQ(pod(run, "torch-1", fail_once).code, 1);
  EXPECT_EQ(pod(run, "torch-1", succeed).code, 0);
  EXPECT_TRUE(has_ended(run, "torch-1"));
}

TEST_F(PodTest, ClosesTheBooksOfOneThatWasKilledWithoutAWord) {
  const RunFolder run = write_test_run(folder_ / "e" / "r");
  write_file_atomically(run.member("torch-1").path() / "attempts.json", R"({"begun": 3, "first": 1.0})");
  run.member("torch-1").write_status({.state = MemberState::kRunning, .host = "another-pod"});
  const PodEnd end = pod(run, "torch-1", succeed);
  EXPECT_EQ(end.code, kPodFailedForGood);
  EXPECT_THAT(end.error, HasSubstr("its Pod was killed, the last of 3 attempts"));
  EXPECT_EQ(run.member("torch-1").status().state, MemberState::kFailed);
  EXPECT_TRUE(has_ended(run, "torch-1"));
}

TEST_F(PodTest, OneThatWasAskedToStopDoesNotCount) {
  const RunFolder run = write_test_run(folder_ / "e" / "r");
  const auto interrupt = [](const MemberJob& job, bool) {
    set_interrupted(true);
    return MemberEnd{job.member, Kind::kInterrupted, ""};
  };
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(pod(run, "torch-1",
                  [&](const MemberJob& job, bool stopped) {
                    set_interrupted(true);
                    return interrupt(job, stopped);
                  })
                  .code,
              kPodInterrupted);
    set_interrupted(false);
  }
  EXPECT_EQ(pod(run, "torch-1", succeed).code, 0);
}

TEST_F(PodTest, DoesNothingForACancelledRun) {
  const RunFolder run = write_test_run(folder_ / "e" / "r");
  write_file_atomically(run.cancel(), "");
  EXPECT_EQ(pod(run, "torch-1", succeed).code, kPodCancelled);
  EXPECT_TRUE(fs::exists(run.cancel()));
  EXPECT_FALSE(run.member("torch-1").result());
}

TEST_F(PodTest, TrainsAllMembersOfAFiring) {
  const RunFolder run = write_test_run(folder_ / "e" / "r");
  const auto play = [](const MemberJob& job, bool stopped) {
    return job.member == "native-1" ? succeed(job, stopped) : fail_once(job, stopped);
  };
  FakeRunner first(play), second(play);
  EXPECT_EQ(run_pod(run, {"native-1", "torch-1"}, 2, first).code, 1);
  EXPECT_TRUE(has_ended(run, "native-1"));
  EXPECT_EQ(run_pod(run, {"native-1", "torch-1"}, 2, second).code, kPodFailedForGood);
  EXPECT_EQ(second.started.size(), 1u);
  EXPECT_TRUE(is_finished(run));
}

TEST_F(PodTest, SaysThatTheVolumeIsAnotherOne) {
  FakeRunner runner(succeed);
  EXPECT_THAT(message_of([&] { run_pod(RunFolder(folder_ / "nowhere"), {"a"}, 1, runner); }),
              HasSubstr("Expected the volume of this Pod to be the one that holds the store"));
  const RunFolder run = write_test_run(folder_ / "e" / "r");
  EXPECT_THROW(pod(run, "onednn-1", succeed), Error);
}

}  // namespace
}  // namespace tutti
