// The meanings that one can work out by hand; the rest is tied to them by differences and by the other engines
// (tests/conformance), and to Keras by tests/golden.
#include "tutti/engines/reference/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tutti/base/philox.h"

namespace tutti {
namespace {

using namespace op;
using testing::ElementsAre;
using testing::Pointwise;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<Tensor> run(const Op& op, const std::vector<Tensor>& inputs) {
  OpCall call{op, {}, {}};
  std::vector<ConstView> in;
  for (const Tensor& input : inputs) {
    call.inputs.push_back(input.type());
    in.push_back(input.view());
  }
  call.outputs = infer_types(op, call.inputs);
  std::vector<Tensor> outputs;
  for (const TensorType& type : call.outputs) outputs.emplace_back(type);
  std::vector<View> out;
  for (Tensor& output : outputs) out.push_back(output.view());
  const Prepared prepared = prepare_reference(call);
  EXPECT_EQ(prepared.refusal, "");
  prepared.kernel->run(in, out);
  return outputs;
}

Tensor floats(Shape shape, std::initializer_list<float> values) { return Tensor::of<float>(std::move(shape), values); }

Tensor counting(Shape shape) {
  Tensor tensor(std::move(shape));
  float next = 1;
  for (float& value : tensor.data<float>()) value = next++;
  return tensor;
}

std::vector<float> values(const Tensor& tensor) { return {tensor.data<float>().begin(), tensor.data<float>().end()}; }

testing::Matcher<std::vector<float>> near(std::vector<float> expected) {
  return Pointwise(testing::FloatNear(1e-6f), expected);
}

TEST(Reference, ConvolutionCorrelatesWithoutFlipping) {
  const Tensor x = counting({1, 3, 3, 1}), kernel = counting({2, 2, 1, 1});
  // 1*1 + 2*2 + 3*4 + 4*5 = 37
  EXPECT_THAT(values(run(Conv2D{}, {x, kernel})[0]), ElementsAre(37, 47, 67, 77));
}

TEST(Reference, ConvolutionPadsWhereItIsTold) {
  const Tensor x = counting({1, 2, 2, 1}), kernel = counting({2, 2, 1, 1}), bias = floats({1}, {0.5});
  EXPECT_THAT(values(run(Conv2D{{.padding = {0, 1, 0, 1}}}, {x, kernel, bias})[0]), ElementsAre(30.5, 14.5, 11.5, 4.5));
  EXPECT_THAT(values(run(Conv2D{{.strides = {2, 2}, .padding = {1, 0, 1, 0}}}, {x, kernel})[0]), ElementsAre(4));
}

TEST(Reference, DilationSpreadsTheKernel) {
  const Tensor x = counting({1, 3, 3, 1}), kernel = counting({2, 2, 1, 1});
  EXPECT_THAT(values(run(Conv2D{{.dilations = {2, 2}}}, {x, kernel})[0]), ElementsAre(1 * 1 + 2 * 3 + 3 * 7 + 4 * 9));
}

TEST(Reference, DepthwiseOutputIsChannelTimesMultiplierPlusIndex) {
  const Tensor x = floats({1, 1, 1, 2}, {10, 100}), kernel = floats({1, 1, 1, 4}, {1, 2, 3, 4});
  EXPECT_THAT(values(run(Conv2D{{.groups = 2}}, {x, kernel})[0]), ElementsAre(10, 20, 300, 400));
}

TEST(Reference, GroupsSeeOnlyTheirChannels) {
  const Tensor x = floats({1, 1, 1, 4}, {1, 10, 100, 1000}), kernel = counting({1, 1, 2, 2});
  EXPECT_THAT(values(run(Conv2D{{.groups = 2}}, {x, kernel})[0]), ElementsAre(1 * 1 + 3 * 10, 2 * 100 + 4 * 1000));
}

TEST(Reference, MatMulTransposes) {
  const Tensor a = counting({2, 3}), a_transposed = floats({3, 2}, {1, 4, 2, 5, 3, 6});
  const Tensor b = counting({3, 2}), b_transposed = floats({2, 3}, {1, 3, 5, 2, 4, 6}), bias = floats({2}, {100, 200});
  for (const Tensor& left : {a, a_transposed}) {
    for (const Tensor& right : {b, b_transposed}) {
      const MatMul op{left.shape() == a_transposed.shape(), right.shape() == b_transposed.shape()};
      EXPECT_THAT(values(run(op, {left, right, bias})[0]), ElementsAre(122, 228, 149, 264));
    }
  }
}

TEST(Reference, MaxPoolTakesTheFirstOfEqualsAndNaN) {
  const Tensor x = floats({1, 2, 6, 1}, {1, 5, 2, kNaN, -3, -2, 5, 5, 9, 1, -2, -4});
  const std::vector<Tensor> outputs = run(MaxPool2D{}, {x});
  EXPECT_EQ(outputs[0].data<float>()[0], 5);
  EXPECT_TRUE(std::isnan(outputs[0].data<float>()[1]));
  EXPECT_EQ(outputs[0].data<float>()[2], -2);
  EXPECT_THAT(outputs[1].data<std::int32_t>(), ElementsAre(1, 3, 5));
}

TEST(Reference, PaddedCellsNeverWinAndAreNeverCounted) {
  const Tensor x = floats({1, 2, 2, 1}, {-1, -2, -3, -4});
  const PoolAttributes pool{.window = {2, 2}, .strides = {2, 2}, .padding = {1, 1, 1, 1}};
  EXPECT_THAT(values(run(MaxPool2D{pool}, {x})[0]), ElementsAre(-1, -2, -3, -4));
  EXPECT_THAT(values(run(AveragePool2D{pool}, {x})[0]), ElementsAre(-1, -2, -3, -4));
}

TEST(Reference, PoolGradientsGoBackWhereTheValuesCameFrom) {
  const MaxPool2D pool{{.window = {1, 2}, .strides = {1, 1}}};
  const Tensor argmax = run(pool, {floats({1, 1, 4, 1}, {1, 7, 3, 2})})[1], dy = floats({1, 1, 3, 1}, {10, 20, 30});
  EXPECT_THAT(values(run(MaxPool2DGrad{pool, {1, 1, 4, 1}}, {dy, argmax})[0]), ElementsAre(0, 30, 30, 0));
  EXPECT_THAT(values(run(AveragePool2DGrad{pool, {1, 1, 4, 1}}, {dy})[0]), ElementsAre(5, 15, 25, 15));
}

// Source: the closed forms at x = 1 and -1, by Python's math module.
TEST(Reference, ActivationsAtOneAndMinusOne) {
  const Tensor x = floats({2}, {1, -1});
  const auto at = [&](ActivationKind kind, double alpha = 1.0) { return values(run(Activation{kind, alpha}, {x})[0]); };
  EXPECT_THAT(at(ActivationKind::kRelu), near({1, 0}));
  EXPECT_THAT(at(ActivationKind::kLeakyRelu, 0.25), near({1, -0.25f}));
  EXPECT_THAT(at(ActivationKind::kElu, 2), near({1, -1.2642411f}));
  EXPECT_THAT(at(ActivationKind::kSelu), near({1.0507010f, -1.1113307f}));
  EXPECT_THAT(at(ActivationKind::kGelu), near({0.8413447f, -0.1586553f}));
  EXPECT_THAT(at(ActivationKind::kGeluTanh), near({0.8411920f, -0.1588080f}));
  EXPECT_THAT(at(ActivationKind::kSilu), near({0.7310586f, -0.2689414f}));
  EXPECT_THAT(at(ActivationKind::kSoftplus), near({1.3132617f, 0.3132617f}));
  EXPECT_THAT(at(ActivationKind::kSoftsign), near({0.5f, -0.5f}));
  EXPECT_THAT(at(ActivationKind::kHardSigmoid), near({0.6666667f, 0.3333333f}));
  EXPECT_THAT(at(ActivationKind::kHardSigmoid2), near({0.7f, 0.3f}));
  EXPECT_THAT(at(ActivationKind::kHardSilu), near({0.6666667f, -0.3333333f}));
  EXPECT_THAT(at(ActivationKind::kMish), near({0.8650984f, -0.3034015f}));
  EXPECT_THAT(at(ActivationKind::kLogSigmoid), near({-0.3132617f, -1.3132617f}));
  EXPECT_THAT(at(ActivationKind::kCelu, 2), near({1, -0.7869387f}));
}

TEST(Reference, BinaryBroadcastsAsNumPy) {
  const Tensor column = floats({2, 1}, {10, 20}), row = floats({3}, {1, 2, 3});
  EXPECT_THAT(values(run(Binary{BinaryKind::kSub}, {column, row})[0]), ElementsAre(9, 8, 7, 19, 18, 17));
}

TEST(Reference, CastToUint8Saturates) {
  const Tensor y = run(Cast{DType::kUInt8}, {floats({4}, {-1, 2.9f, 255.5f, kNaN})})[0];
  EXPECT_THAT(y.data<std::uint8_t>(), ElementsAre(0, 2, 255, 0));
}

TEST(Reference, ReduceKeepsTheOtherAxes) {
  const Tensor x = counting({2, 2, 3});
  EXPECT_THAT(values(run(Reduce{ReduceKind::kSum, {1}}, {x})[0]), ElementsAre(5, 7, 9, 17, 19, 21));
  EXPECT_THAT(values(run(Reduce{ReduceKind::kMean, {0, 2}}, {x})[0]), ElementsAre(5, 8));
  EXPECT_THAT(values(run(Reduce{ReduceKind::kSumSquares, {}}, {floats({2}, {3, -4})})[0]), ElementsAre(25));
  EXPECT_EQ(run(Reduce{ReduceKind::kSum, {1}, true}, {x})[0].shape(), (Shape{2, 1, 3}));
}

TEST(Reference, BatchNormGivesBiasedStatistics) {
  const Tensor x = floats({2, 2}, {1, 10, 3, 30}), gamma = floats({2}, {2, 1}), beta = floats({2}, {5, 0});
  const std::vector<Tensor> outputs = run(BatchNorm{0.0}, {x, gamma, beta});
  EXPECT_THAT(values(outputs[0]), near({3, -1, 7, 1}));
  EXPECT_THAT(values(outputs[1]), near({2, 20}));
  EXPECT_THAT(values(outputs[2]), near({1, 100}));
}

TEST(Reference, LayerNormWorksAlongTheLastAxis) {
  const Tensor x = floats({2, 2}, {1, 3, 10, 30}), gamma = floats({2}, {2, 1}), beta = floats({2}, {5, 0});
  const std::vector<Tensor> outputs = run(LayerNorm{0.0}, {x, gamma, beta});
  EXPECT_THAT(values(outputs[0]), near({3, 1, 3, 1}));
  EXPECT_THAT(values(outputs[1]), near({2, 20}));
}

TEST(Reference, DropoutKeepsWhatPhiloxSays) {
  const Dropout op{0.5, 7, 3, {4, 1}};
  const std::vector<Tensor> outputs = run(op, {counting({4, 2}), Tensor::scalar<std::int64_t>(9)});
  const Philox random(7, 3, 9);
  for (std::size_t i = 0; i < 4; ++i) {
    const bool kept = random.word(i) >= 0x80000000u;
    EXPECT_EQ(outputs[1].data<std::uint8_t>()[i], kept);
    EXPECT_EQ(outputs[0].data<float>()[2 * i + 1], kept ? 2 * static_cast<float>(2 * i + 2) : 0.0f);
  }
}

TEST(Reference, MovesElements) {
  const Tensor x = counting({2, 3});
  EXPECT_THAT(values(run(Pad{{1, 0}, {0, 1}}, {x})[0]), ElementsAre(0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0));
  EXPECT_THAT(values(run(Slice{{1, 1}, {1, 2}}, {x})[0]), ElementsAre(5, 6));
  EXPECT_THAT(values(run(Concat{1}, {x, floats({2, 1}, {7, 8})})[0]), ElementsAre(1, 2, 3, 7, 4, 5, 6, 8));
  EXPECT_THAT(values(run(Transpose{{1, 0}}, {x})[0]), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(values(run(Upsample2D{{1, 2}}, {counting({1, 1, 2, 2})})[0]), ElementsAre(1, 2, 1, 2, 3, 4, 3, 4));
  EXPECT_THAT(values(run(Upsample2DGrad{{1, 2}}, {counting({1, 1, 4, 2})})[0]), ElementsAre(4, 6, 12, 14));
}

TEST(Reference, ALabelThatIsNoClassGivesNaN) {
  const Loss loss{{LossKind::kSparseCategoricalCrossEntropy}};
  const Tensor y = run(loss, {floats({2, 2}, {0.5, 0.5, 0.25, 0.75}), Tensor::of<std::int32_t>({2}, {2, 1})})[0];
  EXPECT_TRUE(std::isnan(y.data<float>()[0]));
  EXPECT_FLOAT_EQ(y.data<float>()[1], -std::log(0.75f));
}

TEST(Reference, RefusesArithmeticOnIntegers) {
  const TensorType type{DType::kInt32, {3}};
  const Prepared prepared = prepare_reference({Unary{UnaryKind::kNeg}, {type}, {type}});
  EXPECT_EQ(prepared.kernel, nullptr);
  EXPECT_EQ(prepared.refusal, "Unary needs float32 or float64, not int32");
}

}  // namespace
}  // namespace tutti
