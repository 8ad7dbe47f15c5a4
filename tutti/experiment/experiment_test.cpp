#include "tutti/experiment/experiment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "tests/temporary_folder.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/experiment/fake_runner.h"
#include "tutti/experiment/local_runner.h"
#include "tutti/experiment/run_members.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = MemberEnd::Kind;

class RecordingView : public ProgressView {
 public:
  void update(const std::vector<MemberView>& members) override { last = members; }
  void note(const std::string& line) override { notes.push_back(line); }
  std::vector<MemberView> last;
  std::vector<std::string> notes;
};

class RunMembers : public FolderTest {
 protected:
  void SetUp() override {
    write_file_atomically(folder_ / "spec.yaml", "");  // it is a run's folder
    set_interrupted(false);
  }
  void TearDown() override { set_interrupted(false); }
  // The members that end this way.
  static std::vector<std::string> names(const std::vector<MemberEnd>& ends, Kind kind) {
    std::vector<std::string> result;
    for (const MemberEnd& end : ends)
      if (end.kind == kind) result.push_back(end.member);
    std::sort(result.begin(), result.end());
    return result;
  }
  // A local runner whose members are a shell script: $1 is the run's folder, $2 the member.
  static std::unique_ptr<Runner> shell(const std::string& script) {
    return make_local_runner({.command = {"/bin/sh", "-c", script, "sh"}});
  }

  RecordingView view_;
  const RunMembersOptions fast_{.share = {.parallel = 2}, .wait = [] {}};
};

TEST_F(RunMembers, StartsSoManyAtATime) {
  FakeRunner runner([](const MemberJob& job, bool) { return MemberEnd{job.member, Kind::kDone, ""}; });
  const auto [ends, stopped, left] = run_members(RunFolder(folder_), {"a", "b", "c", "d", "e"}, runner, view_,
                                                 {.share = {.parallel = 2, .threads = 3}, .wait = [] {}});
  EXPECT_EQ(names(ends, Kind::kDone).size(), 5u);
  EXPECT_EQ(runner.most_at_a_time, 2u);
  EXPECT_EQ(runner.started[0].threads, 3);
  EXPECT_EQ(view_.last.size(), 5u);
}

TEST_F(RunMembers, GoesOnAfterAFailureAndShowsItsLog) {
  FakeRunner runner([](const MemberJob& job, bool) {
    if (job.member != "b") return MemberEnd{job.member, Kind::kDone, ""};
    write_file_atomically(job.run.member("b").log(), "loading\ntutti: error: no such engine\n");
    return MemberEnd{job.member, Kind::kFailed, "the process ended with exit code 1"};
  });
  const auto [ends, stopped, left] = run_members(RunFolder(folder_), {"a", "b", "c"}, runner, view_, fast_);
  EXPECT_THAT(names(ends, Kind::kDone), ElementsAre("a", "c"));
  EXPECT_THAT(names(ends, Kind::kFailed), ElementsAre("b"));
  EXPECT_THAT(view_.notes, Contains(HasSubstr("no such engine")));
  EXPECT_EQ(RunFolder(folder_).member("b").status().state, MemberState::kFailed);
  EXPECT_EQ(RunFolder(folder_).member("b").status().error, "the process ended with exit code 1");
}

TEST_F(RunMembers, KeepsTheMembersOwnError) {
  FakeRunner runner([](const MemberJob& job, bool) {
    job.run.member(job.member).write_status({.state = MemberState::kFailed, .error = "[Conv2D] no"});
    return MemberEnd{job.member, Kind::kFailed, "the process ended with exit code 1"};
  });
  run_members(RunFolder(folder_), {"a"}, runner, view_, fast_);
  EXPECT_EQ(RunFolder(folder_).member("a").status().error, "[Conv2D] no");
}

TEST_F(RunMembers, StopsAllWhenInterrupted) {
  int waits = 0;
  FakeRunner runner([](const MemberJob& job, bool stopped) {
    return MemberEnd{job.member, stopped ? Kind::kInterrupted : Kind::kDone, ""};
  });
  const auto [ends, stopped, left] =
      run_members(RunFolder(folder_), {"a", "b", "c"}, runner, view_, {.share = {.parallel = 2}, .wait = [&] {
                                                                         if (++waits == 1) set_interrupted(true);
                                                                       }});
  EXPECT_THAT(names(ends, Kind::kInterrupted), ElementsAre("a", "b"));
  EXPECT_EQ(runner.started.size(), 2u);
}

// One whose members outlive the command, and that knows better than the store how they do.
class DistantRunner : public FakeRunner {
 public:
  using FakeRunner::FakeRunner;
  bool goes_on_alone() const override { return true; }
  MemberStatus status(const RunFolder&, const std::string&) const override { return {.error = "no room"}; }
};

TEST_F(RunMembers, LeavesMembersThatGoOnAlone) {
  int stops = 0;
  DistantRunner runner([&](const MemberJob& job, bool stopped) {
    stops += stopped;
    return MemberEnd{job.member, Kind::kDone, ""};
  });
  const RunMembersResult result = run_members(RunFolder(folder_), {"a", "b", "c"}, runner, view_,
                                              {.share = {.parallel = 3}, .wait = [] { set_interrupted(true); }});
  EXPECT_TRUE(result.left);
  EXPECT_FALSE(result.stopped);
  EXPECT_EQ(stops, 0);
  EXPECT_EQ(view_.last[0].status.error, "no room");
}

TEST_F(RunMembers, APodLeavesTheCancelOfItsRunAlone) {
  write_file_atomically(RunFolder(folder_).cancel(), "");
  FakeRunner runner([](const MemberJob& job, bool) { return MemberEnd{job.member, Kind::kDone, ""}; });
  const RunMembersResult result =
      run_members(RunFolder(folder_), {"a"}, runner, view_, {.share = {.parallel = 1}, .wait = [] {}, .forget_cancel = false});
  EXPECT_TRUE(result.stopped);
  EXPECT_TRUE(runner.started.empty());
  EXPECT_TRUE(fs::exists(RunFolder(folder_).cancel()));
}

TEST_F(RunMembers, LocalMembersAreProcesses) {
  const auto runner = shell(R"(echo "$2 $TUTTI_NUM_THREADS $OMP_NUM_THREADS"
    case "$2" in bad) echo "tutti: error: broken" >&2; exit 1;; killed) kill -9 $$;; esac)");
  const RunFolder run(folder_);
  const auto [ends, stopped, left] =
      run_members(run, {"good", "bad", "killed"}, *runner, view_, {.share = {.parallel = 3, .threads = 2}});
  EXPECT_THAT(names(ends, Kind::kDone), ElementsAre("good"));
  EXPECT_THAT(names(ends, Kind::kFailed), ElementsAre("bad", "killed"));
  EXPECT_THAT(run.member("good").log_tail(5), ElementsAre("good 2 2"));
  EXPECT_THAT(view_.notes, Contains(HasSubstr("tutti: error: broken")));
  EXPECT_THAT(run.member("killed").status().error, HasSubstr("signal 9"));
}

TEST_F(RunMembers, LocalMembersStopCleanly) {
  const auto runner = shell("trap 'echo saved; exit 130' TERM; echo ready; while :; do sleep 0.05; done");
  const RunFolder run(folder_);
  const auto wait = [&] {
    ::usleep(20000);
    if (!run.member("a").log_tail(1).empty() && !run.member("b").log_tail(1).empty()) set_interrupted(true);
  };
  const auto [ends, stopped, left] = run_members(run, {"a", "b"}, *runner, view_, {.share = {.parallel = 2}, .wait = wait});
  EXPECT_THAT(names(ends, Kind::kInterrupted), ElementsAre("a", "b"));
  EXPECT_THAT(run.member("a").log_tail(1), ElementsAre("saved"));
}

TEST_F(RunMembers, AProgramThatIsNotThereIsAFailure) {
  const auto runner = make_local_runner({.command = {"/nowhere/tutti"}});
  const auto [ends, stopped, left] = run_members(RunFolder(folder_), {"a"}, *runner, view_, {.share = {.parallel = 1}});
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_THAT(ends[0].reason, HasSubstr("could not be started: [process] there is no program /nowhere/tutti"));
}

TEST_F(RunMembers, AFailedMemberIsStartedAgain) {
  int tries = 0;
  FakeRunner runner([&](const MemberJob& job, bool) {
    const bool done = job.member != "a" || ++tries == 3;
    return MemberEnd{job.member, done ? Kind::kDone : Kind::kFailed, done ? "" : "crashed"};
  });
  const auto [ends, stopped, left] =
      run_members(RunFolder(folder_), {"a", "b"}, runner, view_, {.share = {.parallel = 1, .retries = 2}, .wait = [] {}});
  EXPECT_THAT(names(ends, Kind::kDone), ElementsAre("a", "b"));
  EXPECT_EQ(runner.started.size(), 4u);
  EXPECT_THAT(view_.notes, Contains("a: starting it again (2 of 2)"));

  FakeRunner never([](const MemberJob& job, bool) { return MemberEnd{job.member, Kind::kFailed, "crashed"}; });
  const auto failed =
      run_members(RunFolder(folder_), {"a"}, never, view_, {.share = {.parallel = 1, .retries = 2}, .wait = [] {}});
  EXPECT_THAT(names(failed.ends, Kind::kFailed), ElementsAre("a"));
  EXPECT_EQ(never.started.size(), 3u);
}

TEST_F(RunMembers, AMemberWhoseResultsAreThereIsDone) {
  FakeRunner runner([](const MemberJob& job, bool) {
    job.run.member(job.member).write_result({.name = job.member});
    return MemberEnd{job.member, Kind::kFailed, "the process ended with exit code 1"};  // the log's disk is full
  });
  const auto [ends, stopped, left] =
      run_members(RunFolder(folder_), {"a"}, runner, view_, {.share = {.retries = 2}, .wait = [] {}});
  EXPECT_THAT(names(ends, Kind::kDone), ElementsAre("a"));
  EXPECT_EQ(runner.started.size(), 1u);
  // Its predictions are not there, though: it would be asked again.
  EXPECT_THAT(unfinished_members(RunFolder(folder_), {"a"}), ElementsAre("a"));
}

TEST_F(RunMembers, ADeadlineStopsAMemberAndIsNotTriedAgain) {
  const auto runner = shell("trap 'exit 130' TERM; test $2 = quick && exit 0; while :; do sleep 0.02; done");
  const RunFolder run(folder_);
  const auto [ends, stopped, left] = run_members(run, {"quick", "slow"}, *runner, view_,
                                                 {.share = {.parallel = 2, .threads = 1, .retries = 3, .deadline = 0.3}});
  EXPECT_FALSE(stopped);
  EXPECT_THAT(names(ends, Kind::kDone), ElementsAre("quick"));
  EXPECT_THAT(names(ends, Kind::kFailed), ElementsAre("slow"));
  EXPECT_THAT(run.member("slow").status().error, HasSubstr("deadline"));
}

TEST_F(RunMembers, AMemberThatDoesNotStopIsEndedByForce) {
  const auto runner =
      make_local_runner({.command = {"/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.02; done", "sh"},
                         .grace = std::chrono::milliseconds(100)});
  const RunFolder run(folder_);
  const auto wait = [&] {
    ::usleep(10000);
    if (!run.member("a").log_tail(1).empty()) set_interrupted(true);
  };
  const auto [ends, stopped, left] = run_members(run, {"a"}, *runner, view_, {.share = {.parallel = 1}, .wait = wait});
  EXPECT_TRUE(stopped);
  ASSERT_THAT(names(ends, Kind::kFailed), ElementsAre("a"));
  EXPECT_THAT(ends[0].reason, HasSubstr("did not stop when it was asked to"));
}

TEST_F(RunMembers, ACancelFileStopsThem) {
  FakeRunner runner([](const MemberJob& job, bool stopped) {
    return MemberEnd{job.member, stopped ? Kind::kInterrupted : Kind::kDone, ""};
  });
  bool asked = false;
  const RunFolder run(folder_);
  const auto [ends, stopped, left] = run_members(run, {"a", "b"}, runner, view_, {.share = {.parallel = 1}, .wait = [&] {
                                                                                    if (!std::exchange(asked, true))
                                                                                      request_cancel(run);
                                                                                  }});
  EXPECT_TRUE(stopped);
  EXPECT_THAT(names(ends, Kind::kInterrupted), ElementsAre("a"));
  EXPECT_FALSE(interrupted());
}

TEST(Progress, ALineAMember) {
  const MemberStatus running{.state = MemberState::kRunning,
                             .epoch = 2,
                             .epochs = 50,
                             .step = 5,
                             .steps = 10,
                             .images_per_second = 812.3,
                             .seconds_left = 42,
                             .metrics = {{"loss", 0.8123}, {"val_accuracy", 0.712}}};
  EXPECT_EQ(member_line({"native-1", running}, 9, 120),
            "native-1   epoch  3/50 [==========>.........]  812 images/s  loss 0.8123  val_accuracy 0.7120  0:42 left");
  EXPECT_LE(member_line({"native-1", running}, 9, 60).size(), 60u);
  EXPECT_EQ(member_line({"a", {}}, 3, 80), "a    waiting");
  EXPECT_EQ(member_line({"a", {.state = MemberState::kFailed, .error = "no"}}, 1, 80), "a  failed: no");
  EXPECT_EQ(clock_text(4000), "1:06:40");
  EXPECT_EQ(clock_text(-1), "0:00");
}

}  // namespace
}  // namespace tutti
