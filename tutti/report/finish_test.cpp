#include "tutti/report/finish.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/temporary_folder.h"
#include "tests/written_run.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

class Finish : public FolderTest {
 protected:
  const std::vector<std::string> all_ = {"native-1", "torch-1"};
};

TEST_F(Finish, TheLastMemberMakesTheEnsemble) {
  const RunFolder run = write_test_run(folder_ / "e" / "r", "ensemble: {grow: true}\n");
  write_test_member(run, "native-1", 0.8f);
  EXPECT_FALSE(end_member(run, "native-1", all_, true));
  EXPECT_TRUE(has_ended(run, "native-1"));
  EXPECT_FALSE(has_ended(run, "torch-1"));
  EXPECT_FALSE(fs::exists(run.ensemble()));

  write_test_member(run, "torch-1", 0.7f);
  const auto finished = end_member(run, "torch-1", all_, true);
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->grown->joined.size(), 1u);
  EXPECT_TRUE(is_finished(run));
  EXPECT_TRUE(fs::exists(run.ensemble() / "report.html"));
  // Pods that start again find it made.
  EXPECT_FALSE(end_member(run, "torch-1", all_, true));
  EXPECT_EQ(StandingFolder(folder_ / "e").versions().size(), 1u);
}

TEST_F(Finish, AFailedMemberIsNotWaitedFor) {
  const RunFolder run = write_test_run(folder_ / "e" / "r");
  write_test_member(run, "native-1", 0.8f);
  EXPECT_FALSE(end_member(run, "native-1", all_, true));
  EXPECT_TRUE(end_member(run, "torch-1", all_, false));
  EXPECT_TRUE(fs::exists(run.ensemble() / "summary.md"));
}

TEST_F(Finish, WhoDiedAtItTakesItUpAgain) {
  const RunFolder run = write_test_run(folder_ / "e" / "r");
  write_test_member(run, "native-1", 0.8f);
  write_test_member(run, "torch-1", 0.8f);
  write_file_atomically(folder_ / "e/r/ended/native-1", "done\n");
  write_file_atomically(folder_ / "e/r/ended/torch-1", "done\n");
  write_file_atomically(folder_ / "e/r/ended/.ensemble", "torch-1");  // it was killed here
  EXPECT_FALSE(end_member(run, "native-1", all_, true));
  EXPECT_FALSE(is_finished(run));
  EXPECT_TRUE(end_member(run, "torch-1", all_, true));
  EXPECT_TRUE(is_finished(run));
}

TEST_F(Finish, OneOfManyThatEndTogether) {
  for (int round = 0; round < 20; ++round) {
    const RunFolder run = write_test_run(folder_ / "e" / ("r" + std::to_string(round)));
    for (const std::string& name : all_) write_test_member(run, name, 0.8f);
    std::atomic<int> made = 0, waiting = 2;
    const auto end = [&](const std::string& name) {
      for (--waiting; waiting > 0;) {
      }
      if (end_member(run, name, all_, true)) ++made;
    };
    std::thread other(end, "native-1");
    end("torch-1");
    other.join();
    EXPECT_EQ(made, 1);
  }
}

TEST_F(Finish, ReopenedMembersEndOnceMore) {
  const RunFolder run = write_test_run(folder_ / "e" / "r");
  write_test_member(run, "native-1", 0.8f);
  end_member(run, "native-1", all_, true);
  EXPECT_TRUE(end_member(run, "torch-1", all_, false));
  reopen(run, {"torch-1"});
  EXPECT_FALSE(has_ended(run, "torch-1"));
  EXPECT_TRUE(has_ended(run, "native-1"));
  EXPECT_FALSE(is_finished(run));
  write_test_member(run, "torch-1", 0.8f);
  EXPECT_TRUE(end_member(run, "torch-1", all_, true));
}

}  // namespace
}  // namespace tutti
