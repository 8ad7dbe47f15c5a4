#include "tutti/experiment/member.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <thread>

#include "tests/temporary_folder.h"
#include "tests/tiny_model.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/data/npy.h"
#include "tutti/ensemble/combine.h"
#include "tutti/experiment/checkpoint.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/splits.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::HasSubstr;

constexpr const char* kSpec = R"(
name: tiny
model: model.yaml
data: {name: shapes, limit: 160, test_limit: 40, validation: 0.25, holdout: 5}
fit: {batch_size: 16, epochs: 3}
members: {engine: native, seed: 1}
)";

class MemberTest : public FolderTest {
 protected:
  void SetUp() override {
    write_file_atomically(folder_ / "model.yaml", kTinyModel);
    set_interrupted(false);
  }
  void TearDown() override { set_interrupted(false); }
  RunFolder write(const Overrides& overrides = {}) const {
    return write_run(resolve(parse_spec(kSpec, folder_ / "spec.yaml", overrides)), folder_ / "runs", "r");
  }
};

TEST_F(MemberTest, TrainsAndWritesItsFolder) {
  const RunFolder run = write();
  ASSERT_EQ(train_member(run, "native-1"), MemberState::kDone);
  const MemberFolder folder = run.member("native-1");
  const MemberStatus status = folder.status();
  EXPECT_EQ(status.state, MemberState::kDone);
  EXPECT_EQ(status.epoch, 3);
  const auto result = folder.result();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->epochs, 3);
  EXPECT_EQ(result->validation.samples, 40);
  EXPECT_EQ(result->test.samples, 40);
  EXPECT_EQ(result->parameters, 8 * 8 * 3 * 10 + 10);
  EXPECT_EQ(folder.history().values("val_loss").size(), 3u);
  EXPECT_EQ(read_npy(folder.path() / "test.npy").shape(), (Shape{40, 10}));
  EXPECT_TRUE(fs::exists(folder.checkpoints() / "epoch-0003.h5"));
  EXPECT_TRUE(fs::exists(folder.checkpoints() / "epoch-0002.h5"));
  EXPECT_FALSE(fs::exists(folder.checkpoints() / "epoch-0001.h5"));

  // What it saved predicts what it wrote.
  Model model = load_model(folder.path() / model_file_name("native", result->validation.accuracy));
  const Splits splits = load_splits(spec_of_run(run).data);
  const Tensor again = model.predict(splits.test), before = read_npy(folder.path() / "test.npy");
  for (std::size_t i = 0; i < 400; ++i) EXPECT_NEAR(again.data<float>()[i], before.data<float>()[i], 1e-5);

  link_models(run, {"native-1"});
  EXPECT_TRUE(fs::exists(run.models() / model_file_name("native", result->validation.accuracy)));
}

TEST_F(MemberTest, AnInterruptSavesTheModel) {
  const RunFolder run = write({{"fit.epochs", "100000"}});
  set_interrupted(true);
  EXPECT_EQ(train_member(run, "native-1"), MemberState::kInterrupted);
  EXPECT_EQ(run.member("native-1").status().state, MemberState::kInterrupted);
  EXPECT_TRUE(fs::exists(run.member("native-1").path() / "model.h5"));
  EXPECT_FALSE(run.member("native-1").result());
}

// The largest file that this process may write, for a while: a full disk, as far as a program can tell.
class SmallFiles {
 public:
  SmallFiles() {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
  }
  ~SmallFiles() { end(); }
  void begin() const { set(100); }
  void end() const { set(before_.rlim_cur); }

 private:
  void set(rlim_t size) const {
    const rlimit limit{size, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  rlimit before_{};
};

void wait_for_an_epoch(const MemberFolder& folder) {
  while (folder.status().epoch < 1) ::usleep(2'000);
}

TEST_F(MemberTest, TrainsOnWhileTheDiskIsFull) {
  const Overrides epochs = {{"fit.epochs", "40"}};
  ASSERT_EQ(train_member(write(epochs), "native-1"), MemberState::kDone);
  const std::string predictions = read_file(folder_ / "runs/tiny/r/members/native-1/test.npy");

  const RunFolder run = write_run(resolve(parse_spec(kSpec, folder_ / "spec.yaml", epochs)), folder_ / "runs", "full");
  const MemberFolder folder = run.member("native-1");
  const SmallFiles full;
  std::thread others([&] {
    wait_for_an_epoch(folder);
    full.begin();
    ::usleep(1'000'000);
    full.end();
  });
  const MemberState state = train_member(run, "native-1");
  others.join();
  ASSERT_EQ(state, MemberState::kDone);
  EXPECT_EQ(folder.status().state, MemberState::kDone);
  EXPECT_EQ(read_file(folder.path() / "test.npy"), predictions);
  EXPECT_EQ(folder.history().values("loss").size(), 40u);
}

TEST_F(MemberTest, ADiskThatStaysFullLosesNoModel) {
  const RunFolder run = write({{"fit.epochs", "40"}});
  const MemberFolder folder = run.member("native-1");
  const SmallFiles full;
  ::setenv("TUTTI_STORE_PATIENCE", "0.2", 1);
  std::thread others([&] {
    wait_for_an_epoch(folder);
    full.begin();
  });
  EXPECT_THROW(train_member(run, "native-1"), Error);
  others.join();
  full.end();
  ::unsetenv("TUTTI_STORE_PATIENCE");
  EXPECT_FALSE(folder.result());
  EXPECT_FALSE(list_checkpoints(folder.checkpoints()).empty());
  // There is room again: `tutti resume` starts the member once more.
  EXPECT_EQ(train_member(run, "native-1"), MemberState::kDone);
  EXPECT_EQ(folder.history().values("loss").size(), 40u);
}

TEST_F(MemberTest, AStoreThatComesBackHasTheModel) {
  const RunFolder run = write({{"fit.epochs", "40"}});
  std::thread share([&] {
    wait_for_an_epoch(run.member("native-1"));
    fs::rename(run.path(), folder_ / "away");
    ::usleep(500'000);
    EXPECT_FALSE(fs::exists(run.path())) << "something was written where the run is gone";
    fs::rename(folder_ / "away", run.path());
  });
  const MemberState state = train_member(run, "native-1");
  share.join();
  ASSERT_EQ(state, MemberState::kDone);
  EXPECT_EQ(run.member("native-1").history().values("loss").size(), 40u);
  EXPECT_EQ(run.member("native-1").status().epoch, 40);
}

TEST_F(MemberTest, AFailureIsWrittenDown) {
  const RunFolder run = write({{"members.engine", "[abacus]"}});
  EXPECT_THROW(train_member(run, "abacus-1"), Error);
  EXPECT_EQ(run.member("abacus-1").status().state, MemberState::kFailed);
  EXPECT_THAT(run.member("abacus-1").status().error, HasSubstr("abacus"));
  EXPECT_THROW(train_member(run, "native-7"), Error);
}

TEST_F(MemberTest, ADivergingLossIsAFailure) {
  const RunFolder run = write({{"fit.optimizer", "sgd"}, {"fit.learning_rate", "1e38"}});
  EXPECT_THROW(train_member(run, "native-1"), Error);
  EXPECT_THAT(run.member("native-1").status().error, HasSubstr("no finite number"));
}

TEST(Splits, ServeOncePerSample) {
  DataSpec spec{.name = "shapes", .validation = 0.25, .limit = 100, .test_limit = 20};
  const Splits splits = load_splits(spec);
  EXPECT_EQ(splits.train.size(), 75);
  EXPECT_EQ(splits.validation.size(), 25);
  EXPECT_EQ(splits.test.size(), 20);
  spec.validation = 30;
  EXPECT_EQ(load_splits(spec).validation.size(), 30);
  spec.validation = 100;
  EXPECT_THROW(load_splits(spec), Error);
  spec = {.name = "shapes", .limit = 10, .test_limit = 5, .scale = 0.5};
  spec.validation = 0.5;
  EXPECT_EQ(load_splits(spec).train.dtype(), DType::kFloat32);
}

TEST(Member, FitIsCheckedBeforehand) {
  const auto check = [](const std::string& fit) { check_fit(parse_spec("model: m\ndata: shapes\nfit: " + fit, "s.yaml").fit); };
  check("{optimizer: {name: sgd, learning_rate: 0.1, momentum: 0.9}, metrics: [accuracy]}");
  EXPECT_THROW(check("{optimizer: adamm}"), Error);
  EXPECT_THROW(check("{optimizer: {name: adam, momentun: 0.9}}"), Error);
  EXPECT_THROW(check("{loss: crossentropy}"), Error);
  EXPECT_THROW(check("{metrics: [acuracy]}"), Error);
  const FitSpec fit =
      parse_spec("model: m\ndata: shapes\nfit: {optimizer: {name: sgd, learning_rate: 0.1}, learning_rate: 0.2}", "s").fit;
  EXPECT_EQ(compile_options(fit).optimizer.learning_rate, 0.2);
}

}  // namespace
}  // namespace tutti
