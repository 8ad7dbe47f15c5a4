#include "tutti/experiment/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/engines/engines.h"
#include "tutti/experiment/model_file.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kModel = R"(
layers:
  - Input: [8, 8, 3]
  - Conv2D: {name: first, filters: 4, kernel_size: [3, 3], padding: same, activation: relu}
  - BatchNormalization: {name: normed}
  - Conv2D: {name: second, filters: 8, kernel_size: [3, 3], activation: relu}
  - MaxPooling2D: {name: pooled, pool_size: [2, 2]}
  - Dropout: {name: dropped, rate: 0.25}
  - Flatten
  - Dense: {name: scores, units: 10, activation: softmax}
)";

// The reference engine with one kind of op a tenth off.
class Crooked : public Engine {
 public:
  explicit Crooked(std::string op) : op_(std::move(op)) {}
  std::string_view name() const override { return "crooked"; }
  Prepared prepare(const OpCall& call) override {
    Prepared prepared = right_->prepare(call);
    if (name_of(call.op) == op_) prepared.kernel = std::make_unique<Off>(std::move(prepared.kernel));
    return prepared;
  }

 private:
  class Off : public Kernel {
   public:
    explicit Off(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
    void run(std::span<const ConstView> in, std::span<const View> out) override {
      kernel_->run(in, out);
      auto* values = static_cast<float*>(out[0].data);
      for (std::int64_t i = 0; i < out[0].shape->elements(); ++i) values[i] *= 1.1f;
    }

   private:
    std::unique_ptr<Kernel> kernel_;
  };
  std::string op_;
  std::shared_ptr<Engine> right_ = make_engine("reference", "cpu");
};

Model compiled_model() {
  Model model = model_from_yaml(kModel, "m.yaml");
  model.initialize(3);
  model.compile({.optimizer = "adam", .loss = LossFunction("sparse_categorical_crossentropy")});
  return model;
}

Batch some_batch() {
  Batch batch{Tensor({6, 8, 8, 3}), Tensor({6}, DType::kInt32)};
  const auto x = batch.x.data<float>();
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i) * 0.37f);
  for (std::size_t i = 0; i < 6; ++i) batch.y.data<std::int32_t>()[i] = static_cast<std::int32_t>(i);
  return batch;
}

std::string disagreement_of(Engine& engine) {
  const auto oracle = make_engine("reference", "cpu");
  return first_disagreement(compare_layers(compiled_model(), engine, *oracle, some_batch()), {});
}

TEST(Verify, FindsEveryLayer) {
  const auto reference = make_engine("reference", "cpu"), native = make_engine("native", "cpu");
  const std::vector<LayerDifference> layers = compare_layers(compiled_model(), *native, *reference, some_batch());
  ASSERT_EQ(layers.size(), 7u);
  EXPECT_EQ(layers[0].layer, "first");
  EXPECT_EQ(layers[6].layer, "scores");
  for (const LayerDifference& layer : layers) {
    EXPECT_LT(layer.forward, 1e-5) << layer.layer;
    EXPECT_LT(layer.backward, 1e-4) << layer.layer;
  }
  for (const LayerDifference& layer : compare_layers(compiled_model(), *reference, *reference, some_batch())) {
    EXPECT_EQ(layer.forward, 0) << layer.layer;
    EXPECT_EQ(layer.backward, 0) << layer.layer;
  }
}

TEST(Verify, NamesTheFirstLayerThatIsWrong) {
  Crooked convolution("Conv2D"), pooling("MaxPool2D"), product("MatMul"), kernel_gradient("Conv2DKernelGrad"), fine("nothing");
  EXPECT_THAT(disagreement_of(convolution), StartsWith("first: its output differs"));
  EXPECT_THAT(disagreement_of(pooling), StartsWith("pooled: its output differs"));
  EXPECT_THAT(disagreement_of(product), StartsWith("scores: its output differs"));
  // From the loss back, the second convolution comes first.
  EXPECT_THAT(disagreement_of(kernel_gradient), StartsWith("second: its gradients differ"));
  EXPECT_EQ(disagreement_of(fine), "");
}

TEST(Verify, FollowsTheLossOfEveryEngine) {
  const TemporaryFolder temporary;
  const fs::path& folder = temporary.path();
  write_file_atomically(folder / "m.yaml", R"(
layers:
  - Input: [32, 32, 3]
  - Rescaling: 1/255
  - Conv2D: {filters: 4, kernel_size: [5, 5], strides: [3, 3], activation: relu}
  - Flatten
  - Dense: {units: 10, activation: softmax}
)");
  const Spec spec = parse_spec(
      "model: m.yaml\ndata: {name: shapes, limit: 60, test_limit: 10}\nfit: {batch_size: 10, seed: 1}\n", folder / "spec.yaml");
  const Verification verification = verify(spec, {.engines = {"native"}, .steps = 8});
  EXPECT_TRUE(verification.ok()) << verification.engines.at(0).disagreement;
  EXPECT_EQ(verification.losses.size(), 8u);  // more than an epoch of five steps
  EXPECT_LT(verification.engines.at(0).loss_difference, 1e-3);
  // Trainings that begin a rounding error apart drift apart, slowly at first.
  EXPECT_GT(verification.engines.at(0).chaos, 0);
  EXPECT_LT(verification.engines.at(0).chaos, 1e-2);
  const Verification strict = verify(spec, {.engines = {"native"}, .steps = 2, .tolerances = {.loss = -1}});
  EXPECT_FALSE(strict.ok());
  EXPECT_THAT(strict.engines.at(0).disagreement, HasSubstr("the loss of step 1"));
  EXPECT_THROW(verify(spec, {.engines = {"abacus"}, .steps = 1}), Error);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace tutti
