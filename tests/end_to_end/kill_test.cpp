// An experiment is killed again and again and resumed: it must end with the very bytes of one that ran through.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/end_to_end/shell.h"
#include "tests/temporary_folder.h"
#include "tutti/base/files.h"
#include "tutti/base/philox.h"
#include "tutti/engines/engines.h"
#include "tutti/experiment/store.h"
#include "tutti/nn/model.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

constexpr const char* kModel = R"(
layers:
  - Input: [32, 32, 3]
  - Rescaling: 1/255
  - Conv2D: {filters: 8, kernel_size: 3, activation: relu}
  - BatchNormalization
  - MaxPooling2D: [4, 4]
  - Dropout: 0.25
  - Flatten
  - Dense: {units: 10, activation: softmax}
)";
// All that has a state of its own: shuffling, augmentation, dropout, statistics, slots, early stopping with its best weights, a
// rate that falls.
constexpr const char* kSpec = R"(
name: killed
model: model.yaml
data: {name: shapes, limit: 800, validation: 0.25, test_limit: 50, augmentation: [random_flip]}
fit:
  batch_size: 16
  epochs: 24
  optimizer: nadam
  early_stopping: {monitor: val_accuracy, patience: 18}
  reduce_lr: {monitor: val_loss, patience: 1}
)";

class Kill : public FolderTest {
 protected:
  void SetUp() override {
    if (!fs::exists(kTutti)) GTEST_SKIP() << kTutti << " is not built";
    write_file_atomically(folder_ / "model.yaml", kModel);
    std::string engines;
    for (const EngineInfo& info : list_engines()) {
      if (!info.available) continue;
      engines += (engines.empty() ? "" : ", ") + info.name;
      members_.push_back(info.name + "-1");
    }
    write_file_atomically(folder_ / "killed.yaml", kSpec + ("members: {engine: [" + engines + "], seed: [1]}\n"));
  }

  pid_t start(const std::vector<std::string>& arguments) const {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    std::vector<char*> argv{const_cast<char*>(kTutti.c_str())};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    if (::chdir(folder_.c_str()) != 0 || !::freopen("out.txt", "a", stdout) || !::freopen("out.txt", "a", stderr)) ::_exit(126);
    ::execv(kTutti.c_str(), argv.data());
    ::_exit(127);
  }
  int finish(pid_t pid) const {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string log() const { return read_file(folder_ / "out.txt"); }
  MemberFolder member(const std::string& run, const std::string& name) const {
    return RunFolder(folder_ / "runs" / "killed" / run).member(name);
  }

  std::vector<std::string> members_;  // one of every engine that is here
};

TEST_F(Kill, TwentyKillsChangeNoByte) {
  ASSERT_EQ(finish(start({"train", "killed.yaml", "--run", "whole"})), 0) << log();

  const Philox random(2, stream_of("kills"), 0);
  std::uint64_t draw = 0;
  pid_t pid = start({"train", "killed.yaml", "--run", "pieces"});
  constexpr int kKills = 20;
  int in_training = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random.below(draw++, 900)));
    // The whole run's folder appears last of all that `train` does before it starts the members.
    while (!fs::exists(folder_ / "runs/killed/pieces/spec.yaml")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    // 0: the first member and the runner. 1: all members. 2: the runner. 3: the runner, which may say goodbye.
    const auto what = random.below(draw++, 4);
    bool training = false;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const MemberStatus status = member("pieces", members_[i]).status();
      if (!is_being_trained(status)) continue;
      training = true;
      if (what == 1 || (what == 0 && i == 0)) ::kill(static_cast<pid_t>(status.pid), SIGKILL);
    }
    in_training += training;
    if (what == 0 || what == 2 || !training) ::kill(pid, SIGKILL);
    if (what == 3) ::kill(pid, SIGTERM);
    finish(pid);
    pid = start({"resume", "killed/pieces"});
  }
  ASSERT_EQ(finish(pid), 0) << log();
  std::printf("%d kills of %zu members and their runner, %d of them while members trained\n", kKills, members_.size(),
              in_training);
  EXPECT_GT(in_training, kKills / 2) << "the members were done too soon";

  for (const std::string& name : members_) {
    const MemberFolder whole = member("whole", name), pieces = member("pieces", name);
    for (const char* file : {"history.csv", "validation.npy", "test.npy"})
      EXPECT_EQ(read_file(whole.path() / file), read_file(pieces.path() / file)) << name << " " << file;
    EXPECT_EQ(pieces.status().state, MemberState::kDone);
    const auto expected = load_model(whole.path() / "model.h5").get_weights(),
               got = load_model(pieces.path() / "model.h5").get_weights();
    ASSERT_EQ(expected.size(), got.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_TRUE(std::ranges::equal(expected[i].data<float>(), got[i].data<float>())) << name << " weight " << i;
  }
}

}  // namespace
}  // namespace tutti
