#include "tutti/kubernetes/pod.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "tests/written_run.h"
#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/fake_runner.h"
#include "tutti/kubernetes/manifest.h"
#include "tutti/report/finish.h"

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
  // One that trains `member`, which may be tried three times.
  PodEnd pod(const std::string& member, const FakeRunner::Play& play) const {
    FakeRunner runner(play);
    return run_pod(run_, {member}, 3, runner);
  }
  const RunFolder run_ = write_test_run(folder_ / "e" / "r");
};

TEST_F(PodTest, TrainsItsMemberAndTheLastOneMakesTheEnsemble) {
  EXPECT_EQ(pod("native-1", succeed).code, 0);
  EXPECT_FALSE(is_finished(run_));
  EXPECT_EQ(pod("torch-1", succeed).code, 0);
  EXPECT_TRUE(is_finished(run_));
  // A Pod that comes again has nothing to do.
  EXPECT_EQ(pod("torch-1", fail_once).code, 0);
}

TEST_F(PodTest, AFailedMemberIsTriedAgainUntilItMayNot) {
  EXPECT_EQ(pod("native-1", succeed).code, 0);
  EXPECT_EQ(pod("torch-1", fail_once).code, 1);
  EXPECT_EQ(pod("torch-1", fail_once).code, 1);
  EXPECT_FALSE(has_ended(run_, "torch-1"));
  const PodEnd last = pod("torch-1", fail_once);
  EXPECT_EQ(last.code, kPodFailedForGood);
  EXPECT_EQ(last.error, "no luck");
  EXPECT_TRUE(is_finished(run_)) << "the other one is not left waiting";
  // It stays so.
  EXPECT_EQ(pod("torch-1", succeed).code, kPodFailedForGood);
}

TEST_F(PodTest, AThirdTryMaySucceed) {
  EXPECT_EQ(pod("torch-1", fail_once).code, 1);
  EXPECT_EQ(pod("torch-1", fail_once).code, 1);
  EXPECT_EQ(pod("torch-1", succeed).code, 0);
  EXPECT_TRUE(has_ended(run_, "torch-1"));
}

TEST_F(PodTest, ClosesTheBooksOfOneThatWasKilledWithoutAWord) {
  write_file_atomically(run_.member("torch-1").path() / "attempts.json", R"({"begun": 3, "first": 1.0})");
  run_.member("torch-1").write_status({.state = MemberState::kRunning, .host = "another-pod"});
  const PodEnd end = pod("torch-1", succeed);
  EXPECT_EQ(end.code, kPodFailedForGood);
  EXPECT_THAT(end.error, HasSubstr("its Pod was killed, the last of 3 attempts"));
  EXPECT_EQ(run_.member("torch-1").status().state, MemberState::kFailed);
  EXPECT_TRUE(has_ended(run_, "torch-1"));
}

TEST_F(PodTest, OneThatWasAskedToStopDoesNotCount) {
  const auto interrupt = [](const MemberJob& job, bool) {
    set_interrupted(true);
    return MemberEnd{job.member, Kind::kInterrupted, ""};
  };
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(pod("torch-1", interrupt).code, kPodInterrupted);
    set_interrupted(false);
  }
  EXPECT_EQ(pod("torch-1", succeed).code, 0);
}

TEST_F(PodTest, DoesNothingForACancelledRun) {
  write_file_atomically(run_.cancel(), "");
  EXPECT_EQ(pod("torch-1", succeed).code, kPodCancelled);
  EXPECT_TRUE(fs::exists(run_.cancel()));
  EXPECT_FALSE(run_.member("torch-1").result());
}

TEST_F(PodTest, TrainsAllMembersOfAFiring) {
  const auto play = [](const MemberJob& job, bool stopped) {
    return job.member == "native-1" ? succeed(job, stopped) : fail_once(job, stopped);
  };
  FakeRunner first(play), second(play);
  EXPECT_EQ(run_pod(run_, {"native-1", "torch-1"}, 2, first).code, 1);
  EXPECT_TRUE(has_ended(run_, "native-1"));
  EXPECT_EQ(run_pod(run_, {"native-1", "torch-1"}, 2, second).code, kPodFailedForGood);
  EXPECT_EQ(second.started.size(), 1u);
  EXPECT_TRUE(is_finished(run_));
}

TEST_F(PodTest, SaysThatTheVolumeIsAnotherOne) {
  FakeRunner runner(succeed);
  EXPECT_THAT(message_of([&] { run_pod(RunFolder(folder_ / "nowhere"), {"a"}, 1, runner); }),
              HasSubstr("Expected the volume of this Pod to be the one that holds the store"));
  EXPECT_THROW(pod("onednn-1", succeed), Error);
}

}  // namespace
}  // namespace tutti
