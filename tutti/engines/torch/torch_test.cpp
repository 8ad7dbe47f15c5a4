// What the conformance suite does not ask: devices, and that working in place never shows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tutti/base/error.h"
#include "tutti/base/parallel.h"
#include "tutti/engines/engines.h"

namespace tutti {
using namespace op;
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

EngineInfo torch_info() {
  for (EngineInfo& info : list_engines())
    if (info.name == "torch") return info;
  return {};
}

class TorchTest : public testing::Test {
 protected:
  void SetUp() override {
    const EngineInfo info = torch_info();
    if (!info.available) GTEST_SKIP() << "no torch engine: " << info.reason;
    engine_ = make_engine("torch", "cpu");
  }

  static std::vector<float> values(const Tensor& tensor) {
    const auto data = tensor.data<float>();
    return {data.begin(), data.end()};
  }

  std::shared_ptr<Engine> engine_;
  Graph graph_;
};

const TensorType kThree{DType::kFloat32, {3}};

TEST_F(TorchTest, ListsTheProcessorFirst) {
  const EngineInfo info = torch_info();
  ASSERT_FALSE(info.devices.empty());
  EXPECT_EQ(info.devices.front(), "cpu");
  EXPECT_FALSE(info.version.empty());
}

TEST_F(TorchTest, SaysWhichDevicesThereAre) {
  for (const char* const device : {"cuda:99", "cuda:x", "cuda:", "cuda:-1", "tpu"}) {
    try {
      make_engine("torch", device);
      ADD_FAILURE() << device << " was taken";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(device));
      EXPECT_THAT(error.what(), HasSubstr("cpu"));
    }
  }
}

TEST_F(TorchTest, NamesTheDeviceItRunsOn) {
  EXPECT_EQ(engine_->device(), "cpu");
  EXPECT_EQ(engine_->name(), "torch");
}

TEST_F(TorchTest, AnUpdateDoesNotShowInAViewOfTheOldWeight) {
  const ValueId w = graph_.variable("w", kThree), g = graph_.input("g", kThree), lr = graph_.input("lr", {DType::kFloat32, {}});
  graph_.output("old", graph_.add1(Reshape{{3, 1}}, {w}));
  graph_.update(w, graph_.add1(SgdUpdate{}, {w, g, lr}));
  const auto program = engine_->compile(graph_);
  program->write(0, Tensor::of<float>({3}, {1, 2, 3}));
  const Tensor gradient = Tensor::of<float>({3}, {1, 1, 1}), rate = Tensor::scalar(0.5f);
  Tensor old({3, 1});
  const Feed feeds[] = {{g, gradient.view()}, {lr, rate.view()}};
  const Fetch fetches[] = {{*graph_.find_output("old"), old.view()}};
  program->run(feeds, fetches);
  EXPECT_THAT(values(old), ElementsAre(1, 2, 3));
  EXPECT_THAT(values(program->read(0)), ElementsAre(0.5f, 1.5f, 2.5f));
}

TEST_F(TorchTest, VariablesThatTookOneValueStayTwo) {
  const ValueId a = graph_.variable("a", kThree), b = graph_.variable("b", kThree);
  const ValueId g = graph_.input("g", kThree), lr = graph_.input("lr", {DType::kFloat32, {}});
  const ValueId moved = graph_.add1(SgdUpdate{}, {a, g, lr});
  graph_.update(a, moved);
  graph_.update(b, moved);
  const auto both = engine_->compile(graph_);
  Graph only_a;
  const ValueId a2 = only_a.variable("a", kThree), g2 = only_a.input("g", kThree),
                lr2 = only_a.input("lr", {DType::kFloat32, {}});
  only_a.update(a2, only_a.add1(SgdUpdate{}, {a2, g2, lr2}));
  const auto one = engine_->compile(only_a, both.get());
  const Tensor gradient = Tensor::of<float>({3}, {1, 2, 3}), rate = Tensor::scalar(1.0f);
  const Feed feeds[] = {{g, gradient.view()}, {lr, rate.view()}}, feeds2[] = {{g2, gradient.view()}, {lr2, rate.view()}};
  both->run(feeds, {});
  one->run(feeds2, {});
  EXPECT_THAT(values(both->read(0)), ElementsAre(-2, -4, -6));
  EXPECT_THAT(values(both->read(1)), ElementsAre(-1, -2, -3));
}

TEST_F(TorchTest, AVariableKeepsNoHandleOnWhatWasFed) {
  const ValueId v = graph_.variable("v", kThree), x = graph_.input("x", kThree);
  graph_.update(v, graph_.add1(Reshape{{3}}, {x}));
  const auto program = engine_->compile(graph_);
  Tensor fed = Tensor::of<float>({3}, {1, 2, 3});
  const Feed feeds[] = {{x, fed.view()}};
  program->run(feeds, {});
  std::ranges::fill(fed.data<float>(), 9.0f);
  EXPECT_THAT(values(program->read(0)), ElementsAre(1, 2, 3));
}

// Larger than the parts in which Adam works, and no multiple of them.
TEST_F(TorchTest, AdamInPartsIsAdam) {
  constexpr std::int64_t kCount = 100'003;
  const TensorType type{DType::kFloat32, {kCount}};
  const ValueId w = graph_.variable("w", type), m = graph_.variable("m", type), v = graph_.variable("v", type);
  const ValueId g = graph_.input("g", type), lr = graph_.input("lr", {DType::kFloat32, {}});
  const ValueId step = graph_.input("step", {DType::kInt64, {}});
  const std::vector<ValueId> updated = graph_.add(AdamUpdate{}, {w, g, lr, step, m, v});
  graph_.update(w, updated[0]);
  graph_.update(m, updated[1]);
  graph_.update(v, updated[2]);
  Tensor gradient(type);
  for (std::int64_t i = 0; i < kCount; ++i)
    gradient.data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i % 101) - 50;
  const Tensor rate = Tensor::scalar(0.01f), zero = Tensor::scalar<std::int64_t>(0);
  const Feed feeds[] = {{g, gradient.view()}, {lr, rate.view()}, {step, zero.view()}};
  std::vector<Tensor> weights;
  for (const char* const name : {"torch", "reference"}) {
    const auto program = make_engine(name, "cpu")->compile(graph_);
    program->run(feeds, {});
    weights.push_back(program->read(0));
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(kCount); ++i)
    ASSERT_NEAR(weights[0].data<float>()[i], weights[1].data<float>()[i], 1e-6) << i;
}

TEST_F(TorchTest, TheNumberOfThreadsDoesNotChangeAMask) {
  const TensorType type{DType::kFloat32, {37, 1001}};
  const ValueId x = graph_.input("x", type), step = graph_.input("step", {DType::kInt64, {}});
  Dropout dropout{.rate = 0.5, .seed = 3, .stream = 1, .mask_shape = type.shape};
  graph_.output("mask", graph_.add(dropout, {x, step})[1]);
  const auto program = engine_->compile(graph_);
  const Tensor ones(type), count = Tensor::scalar<std::int64_t>(5);
  const Feed feeds[] = {{x, ones.view()}, {step, count.view()}};
  const int threads = num_threads();
  Tensor one(type.shape, DType::kUInt8), many(type.shape, DType::kUInt8);
  for (const auto& [number, mask] : {std::pair{1, &one}, std::pair{3, &many}}) {
    set_num_threads(number);
    const Fetch fetches[] = {{*graph_.find_output("mask"), mask->view()}};
    program->run(feeds, fetches);
  }
  set_num_threads(threads);
  EXPECT_TRUE(std::ranges::equal(one.data<std::uint8_t>(), many.data<std::uint8_t>()));
  EXPECT_GT(std::ranges::count(one.data<std::uint8_t>(), 1), 0);
}

}  // namespace
}  // namespace tutti
