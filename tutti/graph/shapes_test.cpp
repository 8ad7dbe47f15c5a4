// Shape inference: a table of ops that fit, and a table of refusals with the words that must stand in the message.
#include <gmock/gmock.h>

#include <limits>

#include "tutti/base/error.h"
#include "tutti/graph/graph.h"

namespace tutti {
namespace {

using namespace op;

constexpr std::int64_t kHuge = std::int64_t{1} << 62;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TensorType f32(Shape shape) { return {DType::kFloat32, std::move(shape)}; }
TensorType f64(Shape shape) { return {DType::kFloat64, std::move(shape)}; }
TensorType i32(Shape shape) { return {DType::kInt32, std::move(shape)}; }
TensorType u8(Shape shape) { return {DType::kUInt8, std::move(shape)}; }
const TensorType kStep{DType::kInt64, {}};

struct Fit {
  Op op;
  std::vector<TensorType> inputs, outputs;
};

std::vector<Fit> fits_of_windows() {
  const Conv2D same_2x{{.strides = {2, 2}, .padding = {0, 1, 0, 1}}};
  const Conv2D dilated{{.dilations = {2, 3}}};
  const Conv2D depthwise{{.groups = 4}};
  return {
      {Conv2D{}, {f32({2, 9, 8, 3}), f32({3, 3, 3, 5})}, {f32({2, 7, 6, 5})}},
      {Conv2D{}, {f64({2, 9, 8, 3}), f64({3, 3, 3, 5}), f64({5})}, {f64({2, 7, 6, 5})}},
      {same_2x, {f32({1, 8, 8, 3}), f32({3, 3, 3, 5})}, {f32({1, 4, 4, 5})}},
      {dilated, {f32({1, 8, 8, 3}), f32({3, 3, 3, 5})}, {f32({1, 4, 2, 5})}},
      {depthwise, {f32({1, 5, 5, 4}), f32({3, 3, 1, 8})}, {f32({1, 3, 3, 8})}},
      {Conv2DInputGrad{same_2x, {1, 8, 8, 3}}, {f32({1, 4, 4, 5}), f32({3, 3, 3, 5})}, {f32({1, 8, 8, 3})}},
      {Conv2DKernelGrad{same_2x, {3, 3, 3, 5}}, {f32({1, 8, 8, 3}), f32({1, 4, 4, 5})}, {f32({3, 3, 3, 5})}},
      {MatMul{}, {f32({2, 3}), f32({3, 4})}, {f32({2, 4})}},
      {MatMul{true, true}, {f32({3, 2}), f32({4, 3}), f32({4})}, {f32({2, 4})}},
      {MaxPool2D{}, {f32({2, 7, 6, 3})}, {f32({2, 3, 3, 3}), i32({2, 3, 3, 3})}},
      {MaxPool2D{{.window = {3, 3}, .strides = {1, 1}, .padding = {1, 1, 1, 1}}},
       {f32({2, 7, 6, 3})},
       {f32({2, 7, 6, 3}), i32({2, 7, 6, 3})}},
      {MaxPool2DGrad{{}, {2, 7, 6, 3}}, {f32({2, 3, 3, 3}), i32({2, 3, 3, 3})}, {f32({2, 7, 6, 3})}},
      {AveragePool2D{{.window = {7, 6}}}, {f32({2, 7, 6, 3})}, {f32({2, 1, 1, 3})}},
      {AveragePool2DGrad{{}, {2, 7, 6, 3}}, {f32({2, 3, 3, 3})}, {f32({2, 7, 6, 3})}},
      {Upsample2D{{2, 3}}, {f32({1, 4, 5, 2})}, {f32({1, 8, 15, 2})}},
      {Upsample2DGrad{{2, 3}}, {f32({1, 8, 15, 2})}, {f32({1, 4, 5, 2})}},
  };
}

std::vector<Fit> fits_of_elements() {
  return {
      {Activation{ActivationKind::kRelu}, {f32({2, 3})}, {f32({2, 3})}},
      {ActivationGrad{ActivationKind::kGelu}, {f64({2}), f64({2})}, {f64({2})}},
      {Unary{UnaryKind::kSqrt}, {f32({})}, {f32({})}},
      {Binary{BinaryKind::kAdd}, {f32({2, 1, 4}), f32({3, 1})}, {f32({2, 3, 4})}},
      {Binary{BinaryKind::kMul}, {f32({}), f32({3, 1})}, {f32({3, 1})}},
      {Affine{2, 1}, {f32({4})}, {f32({4})}},
      {Axpby{0.9, 0.1}, {f32({4}), f32({4})}, {f32({4})}},
      {Clip{-1, 1}, {f32({4})}, {f32({4})}},
      {ClipByNorm{1}, {f32({4}), f32({})}, {f32({4})}},
      {Cast{DType::kFloat32}, {u8({4, 2})}, {f32({4, 2})}},
      {Fill{f32({3}), 1.5}, {}, {f32({3})}},
      {Reduce{ReduceKind::kSum, {}}, {f32({2, 3})}, {f32({})}},
      {Reduce{ReduceKind::kMean, {0, 2}}, {f32({2, 3, 4})}, {f32({3})}},
      {Reduce{ReduceKind::kSumAbs, {1}, true}, {f32({2, 3, 4})}, {f32({2, 1, 4})}},
      {Pad{{1, 0}, {2, 3}}, {f32({4, 5})}, {f32({7, 8})}},
      {Slice{{1, 0}, {2, 5}}, {i32({4, 5})}, {i32({2, 5})}},
      {Concat{1}, {f32({2, 3}), f32({2, 1}), f32({2, 4})}, {f32({2, 8})}},
      {Reshape{{6}}, {f32({2, 3})}, {f32({6})}},
      {Reshape{{}}, {f32({1, 1})}, {f32({})}},
      {Transpose{{2, 0, 1}}, {f32({2, 3, 4})}, {f32({4, 2, 3})}},
  };
}

std::vector<Fit> fits_of_normalization_and_losses() {
  const TensorType x = f32({4, 3, 3, 5}), c = f32({5});
  return {
      {Softmax{}, {f32({2, 10})}, {f32({2, 10})}},
      {SoftmaxGrad{true}, {f32({2, 10}), f32({2, 10})}, {f32({2, 10})}},
      {BatchNorm{}, {x, c, c}, {x, c, c}},
      {BatchNormGrad{}, {x, x, c, c, c}, {x, c, c}},
      {BatchNormInference{}, {x, c, c, c, c}, {x}},
      {BatchNormInferenceGrad{}, {x, x, c, c, c}, {x, c, c}},
      {LayerNorm{}, {x, c, c}, {x, f32({4, 3, 3}), f32({4, 3, 3})}},
      {LayerNormGrad{}, {x, x, c, f32({4, 3, 3}), f32({4, 3, 3})}, {x, c, c}},
      {Dropout{.rate = 0.5, .mask_shape = {4, 1, 1, 5}}, {x, kStep}, {x, u8({4, 1, 1, 5})}},
      {DropoutGrad{0.5}, {x, u8({4, 1, 1, 5})}, {x}},
      {Loss{{LossKind::kCategoricalCrossEntropy}}, {f32({8, 10}), f32({8, 10})}, {f32({8})}},
      {Loss{{LossKind::kSparseCategoricalCrossEntropy, true}}, {f32({8, 10}), i32({8})}, {f32({8})}},
      {Loss{{LossKind::kHuber}}, {f64({8, 2, 3}), f64({8, 2, 3})}, {f64({8, 2})}},
      {LossGrad{{LossKind::kSparseCategoricalCrossEntropy}}, {f32({8}), f32({8, 10}), i32({8})}, {f32({8, 10})}},
  };
}

std::vector<Fit> fits_of_updates() {
  const TensorType w = f32({3, 4}), lr = f32({});
  return {
      {SgdUpdate{}, {w, w, lr}, {w}},
      {SgdUpdate{.momentum = 0.9}, {w, w, lr, w}, {w, w}},
      {AdamUpdate{}, {w, w, lr, kStep, w, w}, {w, w, w}},
      {NadamUpdate{}, {w, w, lr, kStep, w, w, f32({})}, {w, w, w}},
      {NadamProduct{}, {f32({}), kStep}, {f32({})}},
      {RmspropUpdate{}, {w, w, lr, w}, {w, w}},
      {RmspropUpdate{.momentum = 0.5, .centered = true}, {w, w, lr, w, w, w}, {w, w, w, w}},
      {AdagradUpdate{}, {w, w, lr, w}, {w, w}},
      {AdamUpdate{}, {f64({2}), f64({2}), lr, kStep, f64({2}), f64({2})}, {f64({2}), f64({2}), f64({2})}},
      {Increment{}, {kStep}, {kStep}},
  };
}

std::string list(const std::vector<TensorType>& types) {
  std::string text;
  for (const TensorType& type : types) text += (text.empty() ? "" : "; ") + to_string(type);
  return text;
}

void expect_fits(const std::vector<Fit>& fits) {
  for (const Fit& fit : fits) {
    SCOPED_TRACE(fmt::format("{} {} of {}", name_of(fit.op), attributes_of(fit.op), list(fit.inputs)));
    EXPECT_EQ(list(infer_types(fit.op, fit.inputs)), list(fit.outputs));
  }
}

TEST(Shapes, Windows) { expect_fits(fits_of_windows()); }
TEST(Shapes, Elements) { expect_fits(fits_of_elements()); }
TEST(Shapes, NormalizationAndLosses) { expect_fits(fits_of_normalization_and_losses()); }
TEST(Shapes, Updates) { expect_fits(fits_of_updates()); }

TEST(Shapes, TheTablesHoldEveryOp) {
  std::vector<bool> seen(std::variant_size_v<Op>);
  for (const auto& fits : {fits_of_windows(), fits_of_elements(), fits_of_normalization_and_losses(), fits_of_updates()})
    for (const Fit& fit : fits) seen[fit.op.index()] = true;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0);
}

struct Refusal {
  Op op;
  std::vector<TensorType> inputs;
  std::string message;  // what must stand in it
};

void expect_refusals(const std::vector<Refusal>& refusals) {
  for (const Refusal& refusal : refusals) {
    SCOPED_TRACE(fmt::format("{} {} of {}", name_of(refusal.op), attributes_of(refusal.op), list(refusal.inputs)));
    try {
      const std::vector<TensorType> outputs = infer_types(refusal.op, refusal.inputs);
      ADD_FAILURE() << "no Error, but " << list(outputs) << "; expected one with: " << refusal.message;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::StartsWith(fmt::format("[{}]", name_of(refusal.op))));
      EXPECT_THAT(error.what(), testing::HasSubstr(refusal.message));
    }
  }
}

TEST(Shapes, RefusesBadConvolutions) {
  const TensorType x = f32({1, 8, 8, 4}), kernel = f32({3, 3, 4, 6});
  expect_refusals({
      {Conv2D{}, {x}, "Expected 2 to 3: x, kernel, bias. Got 1."},
      {Conv2D{}, {f32({8, 8, 4}), kernel}, "Expected 4: (n, h, w, c). Got float32 (8, 8, 4)."},
      {Conv2D{}, {u8({1, 8, 8, 4}), kernel}, "x has the wrong element type. Expected float32 or float64"},
      {Conv2D{}, {x, f64({3, 3, 4, 6})}, "kernel has the wrong type. Expected float32 (3, 3, 4, 6). Got float64"},
      {Conv2D{}, {x, f32({3, 3, 3, 6})}, "Expected 4 channels in on axis 2"},
      {Conv2D{}, {x, kernel, f32({5})}, "bias has the wrong type. Expected float32 (6,). Got float32 (5,)."},
      {Conv2D{{.strides = {0, 1}}}, {x, kernel}, "strides out of range. Expected at least 1. Got 0x1."},
      {Conv2D{{.dilations = {1, -1}}}, {x, kernel}, "dilations out of range"},
      {Conv2D{{.padding = {-1, 0, 0, 0}}}, {x, kernel}, "Got top -1"},
      {Conv2D{{.groups = 3}}, {x, kernel}, "Expected a divisor of 4 and 6. Got 3."},
      {Conv2D{{.groups = 0}}, {x, kernel}, "groups must divide"},
      {Conv2D{{.dilations = {4, 4}}}, {x, kernel}, "larger than the padded image in height. Expected at most 8. Got 9."},
      {Conv2D{}, {x, f32({3, 9, 4, 6})}, "larger than the padded image in width"},
      {Conv2D{{.dilations = {2147483647, 1}}}, {x, f32({kHuge / 4096, 1, 4, 6})}, "kernel is too large"},
      {Conv2D{}, {f32({1, 8, 0, 4}), kernel}, "x has an empty or unknown axis"},
      {Conv2DInputGrad{{}, {1, 8, 8, 4}}, {f32({1, 5, 6, 6}), kernel}, "dy has the wrong type. Expected float32 (1, 6, 6, 6)"},
      {Conv2DInputGrad{{}, {1, 8, 8}}, {f32({1, 6, 6, 6}), kernel}, "input_shape has the wrong number of axes"},
      {Conv2DInputGrad{{}, {1, 8, -8, 4}}, {f32({1, 6, 6, 6}), kernel}, "input_shape has an empty or unknown axis"},
      {Conv2DKernelGrad{{}, {3, 3, 4, 6}}, {x, f32({2, 6, 6, 6})}, "dy has the wrong type. Expected float32 (1, 6, 6, 6)"},
      {MatMul{}, {f32({2, 3}), f32({4, 3})}, "inner extents differ"},
      {MatMul{false, true}, {f32({2, 3}), f32({3, 4})}, "Got a (2, 3), b (3, 4) transposed."},
      {MatMul{}, {f32({2, 3, 1}), f32({3, 4})}, "a has the wrong number of axes. Expected 2: (m, k)."},
      {MatMul{}, {f32({2, 3}), f32({3, 4}), f32({3})}, "bias has the wrong type. Expected float32 (4,)."},
  });
}

TEST(Shapes, RefusesBadPooling) {
  const TensorType x = f32({1, 8, 8, 4});
  expect_refusals({
      {MaxPool2D{{.window = {0, 2}}}, {x}, "window out of range"},
      {MaxPool2D{{.strides = {2, 0}}}, {x}, "strides out of range"},
      {MaxPool2D{{.padding = {2, 0, 0, 0}}}, {x}, "padding must be smaller than the window. Expected below 2x2. Got top 2"},
      {AveragePool2D{{.padding = {0, 0, 0, 3}}}, {x}, "right 3"},
      {AveragePool2D{{.window = {9, 2}}}, {x}, "larger than the padded image in height. Expected at most 8. Got 9."},
      {MaxPool2D{}, {f32({1, 1 << 16, 1 << 16, 1})}, "Expected fewer than 2^31 pixels"},
      {MaxPool2DGrad{{}, {1, 8, 8, 4}}, {f32({1, 4, 4, 4}), f32({1, 4, 4, 4})}, "argmax has the wrong type. Expected int32"},
      {AveragePool2DGrad{{}, {1, 8, 8, 4}}, {f32({1, 3, 4, 4})}, "dy has the wrong shape. Expected (1, 4, 4, 4)"},
      {Upsample2D{{0, 2}}, {x}, "factors out of range"},
      {Upsample2D{{2147483647, 1}}, {f32({1, kHuge / 8, 1, 1})}, "x is too large"},
      {Upsample2D{{2147483647, 2147483647}}, {f32({1, 64, 64, 1})}, "does not fit into memory"},
      {Upsample2DGrad{{3, 1}}, {x}, "not made of whole blocks"},
  });
}

TEST(Shapes, RefusesBadElements) {
  const TensorType x = f32({2, 3});
  expect_refusals({
      {Activation{ActivationKind::kLeakyRelu, -0.1}, {x}, "alpha of leaky_relu out of range"},
      {Activation{ActivationKind::kCelu, 0}, {x}, "alpha of celu out of range"},
      {ActivationGrad{ActivationKind::kRelu}, {x, f32({3, 2})}, "y has the wrong type"},
      {ActivationGrad{ActivationKind::kGelu}, {x, f32({3, 2})}, "x has the wrong type"},
      {Unary{UnaryKind::kExp}, {i32({2})}, "Expected float32 or float64. Got int32 (2,)."},
      {Binary{BinaryKind::kAdd}, {x, f32({2})}, "do not broadcast"},
      {Binary{BinaryKind::kAdd}, {x, f64({3})}, "b has the wrong type. Expected float32 (3,)."},
      {Binary{BinaryKind::kAdd}, {f32({1 << 30, 1, 1}), f32({1 << 30, 1 << 30})}, "does not fit into memory"},
      {Affine{kNan, 0}, {x}, "must be finite"},
      {Axpby{}, {x, f32({3})}, "b has the wrong type"},
      {Clip{2, 1}, {x}, "Expected low <= high. Got 2 and 1."},
      {Clip{kNan, 1}, {x}, "out of order"},
      {ClipByNorm{0}, {x, f32({})}, "max_norm out of range"},
      {ClipByNorm{1}, {x, f32({1})}, "squared_norm has the wrong type. Expected float32 (). Got float32 (1,)."},
      {Fill{f32({2, 0}), 1}, {}, "empty or unknown axis"},
      {Fill{f32({kHuge, kHuge}), 1}, {}, "does not fit into memory"},
      {Fill{f32({2}), 1}, {x}, "Expected 0"},
      {Reduce{ReduceKind::kSum, {1, 0}}, {x}, "Expected ascending axes"},
      {Reduce{ReduceKind::kSum, {0, 0}}, {x}, "Expected ascending axes"},
      {Reduce{ReduceKind::kSum, {2}}, {x}, "0 to 1. Got (2)."},
      {Reduce{ReduceKind::kSum, {-1}}, {x}, "bad axes"},
  });
}

TEST(Shapes, RefusesBadMoves) {
  const TensorType x = f32({2, 3});
  expect_refusals({
      {Pad{{1}, {0, 0}}, {x}, "before has the wrong length. Expected 2"},
      {Pad{{1, 0}, {0, -1}}, {x}, "padding out of range"},
      {Pad{{kHuge, 0}, {kHuge, 0}}, {x}, "padding out of range"},
      {Slice{{0, 1}, {2, 3}}, {x}, "leaves x on axis 1"},
      {Slice{{0, 0}, {2, 0}}, {x}, "leaves x on axis 1"},
      {Slice{{0, std::numeric_limits<std::int64_t>::max()}, {2, 3}}, {x}, "leaves x on axis 1"},
      {Slice{{-1, 0}, {1, 1}}, {x}, "leaves x on axis 0"},
      {Concat{0}, {x}, "Expected 2 or more. Got 1."},
      {Concat{2}, {x, x}, "axis out of range. Expected 0 to 1. Got 2."},
      {Concat{0}, {x, f32({2, 4})}, "input 1 does not fit input 0"},
      {Concat{0}, {x, f32({2})}, "input 1 does not fit input 0"},
      {Concat{0}, {x, f64({2, 3})}, "input 1 does not fit input 0"},
      {Concat{0}, {f32({kHuge / 4}), f32({kHuge / 4})}, "does not fit into memory"},
      {Reshape{{4}}, {x}, "Expected 6 of (2, 3). Got 4 of (4,)."},
      {Reshape{{-1, -6}}, {x}, "empty or unknown axis"},
      {Transpose{{0, 0}}, {x}, "Expected each axis 0 to 1 once. Got (0, 0)."},
      {Transpose{{0}}, {x}, "permutation has the wrong length"},
  });
}

TEST(Shapes, RefusesBadNormalizationAndLosses) {
  const TensorType x = f32({4, 3}), c = f32({3});
  expect_refusals({
      {Softmax{}, {f32({})}, "x has no axis"},
      {SoftmaxGrad{}, {c, x}, "dy has the wrong type"},
      {BatchNorm{}, {x, f32({4}), c}, "gamma has the wrong type. Expected float32 (3,). Got float32 (4,)."},
      {BatchNorm{-1}, {x, c, c}, "epsilon out of range"},
      {BatchNormGrad{}, {c, x, c, c, c}, "dy has the wrong type"},
      {BatchNormInference{}, {x, c, c, c, f32({1})}, "variance has the wrong type"},
      {LayerNorm{}, {x, c, f64({3})}, "beta has the wrong type"},
      {LayerNormGrad{}, {x, x, c, c, c}, "mean has the wrong type. Expected float32 (4,)."},
      {Dropout{.rate = 1, .mask_shape = {4, 3}}, {x, kStep}, "Expected 0 <= rate < 1. Got 1."},
      {Dropout{.rate = kNan, .mask_shape = {4, 3}}, {x, kStep}, "rate out of range"},
      {Dropout{.mask_shape = {4, 2}}, {x, kStep}, "Expected the extents of (4, 3) or 1. Got (4, 2)."},
      {Dropout{.mask_shape = {3}}, {x, kStep}, "the mask does not fit x"},
      {Dropout{.mask_shape = {4, 3}}, {x, f32({})}, "step has the wrong type. Expected int64 ()."},
      {DropoutGrad{}, {x, f32({4, 3})}, "mask has the wrong type. Expected uint8"},
      {Loss{{LossKind::kSparseCategoricalCrossEntropy}}, {x, f32({4})}, "target has the wrong type. Expected int32 (4,)."},
      {Loss{{LossKind::kMeanSquaredError}}, {x, f32({4})}, "target has the wrong type. Expected float32 (4, 3)."},
      {Loss{{LossKind::kMeanSquaredError, true}}, {x, x}, "from_logits is for cross-entropies"},
      {Loss{{.kind = LossKind::kBinaryCrossEntropy, .label_smoothing = 2}}, {x, x}, "label_smoothing out of range"},
      {Loss{{.kind = LossKind::kHuber, .delta = 0}}, {x, x}, "delta out of range"},
      {LossGrad{{LossKind::kHuber}}, {x, x, x}, "dloss has the wrong type. Expected float32 (4,)."},
  });
}

TEST(Shapes, RefusesBadUpdates) {
  const TensorType w = f32({3}), lr = f32({});
  expect_refusals({
      {SgdUpdate{}, {w, w, lr, w}, "Expected 3: w, g, lr. Got 4."},
      {SgdUpdate{.momentum = 1}, {w, w, lr, w}, "momentum out of range. Expected 0 <= momentum < 1. Got 1."},
      {SgdUpdate{.weight_decay = -1}, {w, w, lr}, "weight_decay out of range"},
      {SgdUpdate{}, {w, f32({4}), lr}, "g has the wrong type"},
      {SgdUpdate{}, {w, w, f64({})}, "lr has the wrong type. Expected float32 ()."},
      {AdamUpdate{}, {w, w, lr, i32({}), w, w}, "step has the wrong type. Expected int64 ()."},
      {AdamUpdate{}, {w, w, lr, kStep, w, f32({2})}, "v has the wrong type"},
      {AdamUpdate{.beta_2 = 1}, {w, w, lr, kStep, w, w}, "beta_2 out of range"},
      {NadamUpdate{}, {w, w, lr, kStep, w, w, w}, "u_product has the wrong type"},
      {NadamProduct{}, {w, kStep}, "u_product has the wrong number of axes"},
      {RmspropUpdate{.momentum = 0.5}, {w, w, lr, w}, "Expected 5"},
      {RmspropUpdate{.centered = true}, {w, w, lr, w, f32({1})}, "mean_gradient has the wrong type"},
      {AdagradUpdate{.epsilon = kNan}, {w, w, lr, w}, "epsilon out of range"},
      {Increment{}, {i32({})}, "step has the wrong type"},
  });
}

}  // namespace
}  // namespace tutti
