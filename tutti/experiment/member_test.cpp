#include "tutti/experiment/member.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/data/npy.h"
#include "tutti/ensemble/combine.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/splits.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::HasSubstr;

constexpr const char* kModel = R"(
layers:
  - Input: [32, 32, 3]
  - Rescaling: 1/255
  - AveragePooling2D: [4, 4]
  - Flatten
  - Dense: {units: 10, activation: softmax}
)";
constexpr const char* kSpec = R"(
name: tiny
model: model.yaml
data: {name: shapes, limit: 160, test_limit: 40, validation: 0.25, holdout: 5}
fit: {batch_size: 16, epochs: 3}
members: {engine: native, seed: 1}
)";

class MemberTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              (std::string("tutti_member_test_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    write_file_atomically(folder_ / "model.yaml", kModel);
    set_interrupted(false);
  }
  void TearDown() override {
    set_interrupted(false);
    fs::remove_all(folder_);
  }
  RunFolder write(const Overrides& overrides = {}) const {
    return write_run(resolve(parse_spec(kSpec, folder_ / "spec.yaml", overrides)), folder_ / "runs", "r");
  }
  fs::path folder_;
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
