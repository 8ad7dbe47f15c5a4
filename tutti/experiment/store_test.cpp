#include "tutti/experiment/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::ElementsAre;

class StoreTest : public FolderTest {
 protected:
  void SetUp() override { write_file_atomically(store_ / "spec.yaml", ""); }  // a run's folder
  const fs::path store_ = folder_;
};

TEST_F(StoreTest, StatusComesBackAsWritten) {
  const MemberFolder folder = RunFolder(store_).member("native-1");
  EXPECT_EQ(folder.status().state, MemberState::kWaiting);
  folder.write_status({.state = MemberState::kFailed,
                       .engine = "native",
                       .epoch = 3,
                       .epochs = 9,
                       .step = 10,
                       .steps = 20,
                       .images_per_second = 812.5,
                       .metrics = {{"loss", 0.5}, {"val_loss", NAN}},
                       .error = "no \xff memory",
                       .pid = 7,
                       .heartbeat = 1.5});
  const MemberStatus status = folder.status();
  EXPECT_EQ(status.state, MemberState::kFailed);
  EXPECT_EQ(status.epoch, 3);
  EXPECT_EQ(status.images_per_second, 812.5);
  ASSERT_EQ(status.metrics.size(), 2u);
  EXPECT_EQ(status.metrics[0].first, "loss");
  EXPECT_TRUE(std::isnan(status.metrics[1].second));
  EXPECT_EQ(status.pid, 7);
  write_file_atomically(folder.path() / "status.json", "{\"state\": \"runn");
  EXPECT_EQ(folder.status().state, MemberState::kWaiting);
}

TEST_F(StoreTest, NothingIsWrittenWhereTheRunIsGone) {
  const MemberFolder folder = RunFolder(store_).member("native-1");
  folder.write_status({.state = MemberState::kRunning});
  fs::remove_all(store_);
  EXPECT_THROW(folder.write_status({.state = MemberState::kDone}), Error);
  EXPECT_THROW(folder.write_file("history.csv", "epoch\n"), Error);
  EXPECT_FALSE(fs::exists(store_));
}

TEST_F(StoreTest, AMemberOfAnotherMachineIsKnownByItsHeartbeat) {
  EXPECT_TRUE(is_being_trained({.state = MemberState::kRunning, .host = "elsewhere", .heartbeat = now()}));
  EXPECT_FALSE(is_being_trained({.state = MemberState::kRunning, .host = "elsewhere", .heartbeat = now() - 1000}));
  // A clock that jumped: a heartbeat from the future is no sign of life.
  EXPECT_FALSE(is_being_trained({.state = MemberState::kRunning, .host = "elsewhere", .heartbeat = now() + 1000}));
  EXPECT_FALSE(is_being_trained({.state = MemberState::kDone, .host = "elsewhere", .heartbeat = now()}));
  // This machine's processes are asked for by their number, whatever the clock says.
  EXPECT_FALSE(is_being_trained({.state = MemberState::kRunning, .host = host_name(), .pid = 1, .heartbeat = now()}));
}

TEST_F(StoreTest, ResultComesBackAsWritten) {
  const MemberFolder folder = RunFolder(store_).member("native-1");
  EXPECT_FALSE(folder.result());
  MemberResult result{.name = "native-1", .engine = "native", .device = "cpu", .seed = 18446744073709551615u};
  result.values = {{"engine", "native"}};
  result.validation = {.loss = 0.7, .accuracy = 0.7712121212121212, .samples = 5000};
  result.test = {.loss = 0.8, .accuracy = 0.75, .samples = 10000};
  result.model_file = "model.h5";
  result.class_names = {"cat", "dog"};
  folder.write_result(result);
  const auto read = folder.result();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->seed, result.seed);
  EXPECT_EQ(read->values, result.values);
  EXPECT_EQ(read->validation.accuracy, 0.7712121212121212);
  EXPECT_EQ(read->test.samples, 10000);
  EXPECT_THAT(read->class_names, ElementsAre("cat", "dog"));
  write_file_atomically(folder.path() / "metrics.json", "{}");
  EXPECT_THROW(folder.result(), Error);
}

TEST_F(StoreTest, ReadsHistoryAndLog) {
  const MemberFolder folder = RunFolder(store_).member("m");
  EXPECT_TRUE(folder.history().names.empty());
  write_file_atomically(folder.path() / "history.csv", "epoch,loss,val_loss\n0,1.5,2.5\n1,1.25,\n");
  const HistoryTable history = folder.history();
  EXPECT_THAT(history.values("loss"), ElementsAre(1.5, 1.25));
  EXPECT_TRUE(std::isnan(history.values("val_loss")[1]));
  EXPECT_TRUE(history.values("accuracy").empty());
  write_file_atomically(folder.log(), "one\n\ntwo\nthree\n");
  EXPECT_THAT(folder.log_tail(2), ElementsAre("two", "three"));
}

TEST_F(StoreTest, FindsRuns) {
  EXPECT_THROW(find_run(store_, ""), Error);
  const auto make = [&](const char* experiment, const char* name, int age) {
    const RunFolder run = create_run(store_, experiment, name);
    write_file_atomically(run.spec(), "x");
    fs::last_write_time(run.spec(), fs::file_time_type::clock::now() - std::chrono::seconds(age));
    return run;
  };
  const RunFolder first = make("a", "one", 30), second = make("a", "two", 20), third = make("b", "one", 10);
  EXPECT_EQ(find_run(store_, "").path(), third.path());
  EXPECT_EQ(find_run(store_, "a").path(), second.path());
  EXPECT_EQ(find_run(store_, "a/one").path(), first.path());
  EXPECT_EQ(find_run(store_, first.path().string()).path(), first.path());
  EXPECT_THROW(find_run(store_, "c"), Error);
  EXPECT_THROW(create_run(store_, "a", "one"), Error);
  EXPECT_NE(create_run(store_, "a").path(), create_run(store_, "a").path());
}

TEST(Store, ARunHasItsNameHoweverItIsCalled) {
  const TemporaryFolder folder;
  const fs::path& store = folder.path();
  write_file_atomically(store / "e" / "r" / "spec.yaml", "");
  for (const char* name : {"e/r", "e/r/", "e//r/.", "e/../e/r", "e"})
    EXPECT_EQ(find_run(store, name).path(), store / "e" / "r") << name;
  EXPECT_EQ(find_run("nowhere", (store / "e/r/").string()).path(), store / "e" / "r");
}

}  // namespace
}  // namespace tutti
