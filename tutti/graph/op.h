// THE closed list of ops. Every model, loss, gradient and optimizer is written in these; an engine that runs
// them all can train. What each op means, exactly, is engines/reference/.
//
// Notation: x (n, h, w, c) is the shape of input x; "rows" are all extents but the last, flattened.
// Floating tensors of one op share one dtype (float32 or float64) unless said otherwise.
// Outputs may not alias inputs, except where an op says "may run in place".
//
// The structs live in tutti::op because layers have the same names (tutti::Conv2D is the layer). Sources of graph/, engine/ and
// engines/ say `using namespace op;` inside namespace tutti; nn/ writes op::Conv2D.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "tutti/tensor/shape.h"

namespace tutti {

namespace op {

// Rows above, below, columns left, right of the image.
struct Padding2D {
  int top = 0, bottom = 0, left = 0, right = 0;
  bool operator==(const Padding2D&) const = default;
};

// --- Convolution. Cross-correlation, channels last. ---------------------------------------------------------

struct ConvAttributes {
  std::array<int, 2> strides{1, 1};
  std::array<int, 2> dilations{1, 1};
  Padding2D padding;
  int groups = 1;  // divides c_in and c_out; depthwise is groups == c_in
  bool operator==(const ConvAttributes&) const = default;
};

// in: x (n, h, w, c_in), kernel (k_h, k_w, c_in / groups, c_out), [bias (c_out)]   out: y (n, o_h, o_w, c_out)
struct Conv2D : ConvAttributes {};
// in: dy (n, o_h, o_w, c_out), kernel   out: dx (n, h, w, c_in) = input_shape
struct Conv2DInputGrad : ConvAttributes {
  Shape input_shape;
};
// in: x, dy   out: dkernel (k_h, k_w, c_in / groups, c_out) = kernel_shape
struct Conv2DKernelGrad : ConvAttributes {
  Shape kernel_shape;
};

// --- Matrix product. ------------------------------------------------------------------------------------------

// in: a (m, k) or (k, m) if transpose_a, b (k, n) or (n, k) if transpose_b, [bias (n)]   out: y (m, n)
struct MatMul {
  bool transpose_a = false, transpose_b = false;
};

// --- Pooling. ---------------------------------------------------------------------------------------------------

struct PoolAttributes {
  std::array<int, 2> window{2, 2};
  std::array<int, 2> strides{2, 2};
  Padding2D padding;  // padded cells never win and are never counted
};

// in: x (n, h, w, c)   out: y (n, o_h, o_w, c), argmax int32 (n, o_h, o_w, c): row * w + column in the input image of
// the largest value, the first in scan order among equals; NaN wins.
struct MaxPool2D : PoolAttributes {};
// in: dy, argmax   out: dx = input_shape
struct MaxPool2DGrad : PoolAttributes {
  Shape input_shape;
};
// The mean over the cells of the window that lie inside the image.   in: x   out: y
struct AveragePool2D : PoolAttributes {};
// in: dy   out: dx = input_shape
struct AveragePool2DGrad : PoolAttributes {
  Shape input_shape;
};

// --- Element by element. ------------------------------------------------------------------------------------------

enum class ActivationKind : std::uint8_t {
  kRelu,       // max(x, 0)
  kRelu6,      // min(max(x, 0), 6)
  kLeakyRelu,  // x < 0 ? alpha x : x
  kElu,        // x > 0 ? x : alpha (e^x - 1)
  kSelu,       // 1.0507009873554805 * elu(x, 1.6732632423543772)
  kGelu,       // x Phi(x), by erf
  kGeluTanh,   // the tanh approximation
  kSilu,       // x sigmoid(x)
  kSigmoid,
  kTanh,
  kSoftplus,  // log(1 + e^x)
  kSoftsign,  // x / (1 + |x|)
  kExponential,
  kHardSigmoid,   // clip(x / 6 + 0.5, 0, 1), as Keras 3
  kHardSigmoid2,  // clip(0.2 x + 0.5, 0, 1), as Keras 1 and 2
  kHardSilu,      // x hard_sigmoid(x)
  kHardTanh,      // clip(x, -1, 1)
  kMish,          // x tanh(softplus(x))
  kLogSigmoid,
  kCelu,  // max(x, 0) + min(0, alpha (e^(x / alpha) - 1))
};
std::string_view name_of(ActivationKind kind);
// True if the gradient is computed from the output y (relu, elu, sigmoid, tanh, ...), false if from the input x.
bool gradient_uses_output(ActivationKind kind);

// in: x   out: y of the same shape. May run in place.
struct Activation {
  ActivationKind kind;
  double alpha = 1.0;
};
// in: dy, saved (y if gradient_uses_output(kind), else x)   out: dx. May run in place on dy.
struct ActivationGrad {
  ActivationKind kind;
  double alpha = 1.0;
};

enum class UnaryKind : std::uint8_t { kNeg, kAbs, kSign, kSquare, kSqrt, kExp, kLog, kReciprocal };
std::string_view name_of(UnaryKind kind);
// in: x   out: y. May run in place.
struct Unary {
  UnaryKind kind;
};

enum class BinaryKind : std::uint8_t { kAdd, kSub, kMul, kDiv, kMax, kMin };
std::string_view name_of(BinaryKind kind);
// NumPy broadcasting.   in: a, b   out: y
struct Binary {
  BinaryKind kind;
};

// y = scale * x + offset.   in: x   out: y. May run in place.
struct Affine {
  double scale = 1.0, offset = 0.0;
};
// y = alpha * a + beta * b, same shapes; moving averages.   in: a, b   out: y. May run in place.
struct Axpby {
  double alpha = 1.0, beta = 1.0;
};
// in: x   out: min(max(x, low), high). May run in place.
struct Clip {
  double low, high;
};
// x * min(1, max_norm / sqrt(squared_norm)), unchanged where squared_norm is 0.   in: x, squared_norm ()   out: y.
// May run in place.
struct ClipByNorm {
  double max_norm;
};
// in: x   out: y of another dtype (uint8 pixels to float32)
struct Cast {
  DType dtype;
};
// No input.   out: a tensor of `value`s
struct Fill {
  TensorType type;
  double value = 0.0;
};

// --- Reductions, softmax, normalisation. ------------------------------------------------------------------------

enum class ReduceKind : std::uint8_t { kSum, kMean, kSumSquares, kSumAbs };
std::string_view name_of(ReduceKind kind);
// Over `axes` (sorted, not negative; empty: all).   in: x   out: y without those axes, or with extent 1 if keep_dims
struct Reduce {
  ReduceKind kind;
  std::vector<int> axes;
  bool keep_dims = false;
};

// Over the last axis.   in: x   out: y (log-probabilities if log)
struct Softmax {
  bool log = false;
};
// in: dy, y   out: dx
struct SoftmaxGrad {
  bool log = false;
};

// Statistics over all axes but the last.   in: x (..., c), gamma (c), beta (c)
// out: y, mean (c), variance (c, biased)
struct BatchNorm {
  double epsilon = 1e-3;
};
// in: dy, x, gamma, mean, variance   out: dx, dgamma, dbeta
struct BatchNormGrad {
  double epsilon = 1e-3;
};
// With given statistics.   in: x, gamma, beta, mean, variance   out: y = gamma (x - mean) / sqrt(variance + epsilon) + beta
struct BatchNormInference {
  double epsilon = 1e-3;
};
// mean and variance are constants.   in: dy, x, gamma, mean, variance   out: dx, dgamma, dbeta
struct BatchNormInferenceGrad {
  double epsilon = 1e-3;
};

// Statistics over the last axis.   in: x (..., c), gamma (c), beta (c)   out: y, mean (rows...), variance (rows..., biased)
struct LayerNorm {
  double epsilon = 1e-3;
};
// in: dy, x, gamma, mean, variance   out: dx, dgamma, dbeta
struct LayerNormGrad {
  double epsilon = 1e-3;
};

// --- Dropout. -----------------------------------------------------------------------------------------------------

// Mask element i (row-major in mask_shape) is kept, 1, where Philox(seed, stream, step).word(i) >= dropout_threshold(rate);
// y = x * mask / (1 - rate), mask broadcast over x (extents equal or 1: spatial dropout is (n, 1, 1, c)).
// in: x, step int64 ()   out: y, mask uint8 = mask_shape
struct Dropout {
  double rate = 0.5;
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
  Shape mask_shape;
};
// in: dy, mask   out: dx = dy * mask / (1 - rate)
struct DropoutGrad {
  double rate = 0.5;
};
// The smallest 32-bit word that keeps an element: rate * 2^32, saturated.
std::uint32_t dropout_threshold(double rate);

// --- Moving elements about. ---------------------------------------------------------------------------------------

// Zeros around, per axis.   in: x   out: y, extent before[i] + x + after[i]
struct Pad {
  std::vector<std::int64_t> before, after;
};
// in: x   out: x[begin : begin + sizes] per axis
struct Slice {
  std::vector<std::int64_t> begin, sizes;
};
// in: two or more, equal but for `axis`   out: y
struct Concat {
  int axis;
};
// Each pixel repeated; nearest.   in: x (n, h, w, c)   out: y (n, h * factors[0], w * factors[1], c)
struct Upsample2D {
  std::array<int, 2> factors{2, 2};
};
// in: dy   out: dx, sums over each block
struct Upsample2DGrad {
  std::array<int, 2> factors{2, 2};
};
// in: x   out: the same elements, `shape`
struct Reshape {
  Shape shape;
};
// out axis i is in axis permutation[i].   in: x   out: y
struct Transpose {
  std::vector<int> permutation;
};

// --- Losses: one value a sample, mean over the last axis where there are several. -----------------------------------

enum class LossKind : std::uint8_t {
  kCategoricalCrossEntropy,        // target like prediction, one-hot or soft
  kSparseCategoricalCrossEntropy,  // target int32, prediction's shape without the last axis; a label that is no class gives NaN
  kBinaryCrossEntropy,             // target like prediction
  kMeanSquaredError,
  kMeanAbsoluteError,
  kHuber,  // delta
};
std::string_view name_of(LossKind kind);

struct LossAttributes {
  LossKind kind;
  // Cross-entropies only. From probabilities as Keras 3: p / sum(p), clipped to [1e-7, 1 - 1e-7]; the gradient is 0
  // where clipped.
  bool from_logits = false;
  double label_smoothing = 0.0;
  double delta = 1.0;
};
// in: prediction (..., c), target   out: loss (...)
struct Loss : LossAttributes {};
// in: dloss (...), prediction, target   out: dprediction
struct LossGrad : LossAttributes {};

// --- Optimizer updates: one variable each. All may run in place (output i on the input of the same name). ------------
// lr is float32 (), step int64 () counts from 0 (the update number t is step + 1). If weight_decay > 0 the weight is first
// multiplied by 1 - lr * weight_decay (decoupled, Keras 3). Sources: keras/src/optimizers/*.py, v3.15.1.

// velocity = momentum * velocity - lr * g; w += velocity, or momentum * velocity - lr * g if nesterov. With momentum 0 there
// is no velocity: in: w, g, lr   out: w.   Else in: w, g, lr, velocity   out: w, velocity
struct SgdUpdate {
  double momentum = 0.0;
  bool nesterov = false;
  double weight_decay = 0.0;
};
// w -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon).   in: w, g, lr, step, m, v   out: w, m, v
struct AdamUpdate {
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  double weight_decay = 0.0;
};
// Keras 3's Nadam: u_t = b1 (1 - 0.5 * 0.96^t), product of all u in u_product ().
// in: w, g, lr, step, m, v, u_product   out: w, m, v   (u_product is the product up to t - 1; NadamProduct updates it)
struct NadamUpdate {
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  double weight_decay = 0.0;
};
// in: u_product (), step   out: u_product * u_t
struct NadamProduct {
  double beta_1 = 0.9;
};
// v = rho v + (1 - rho) g^2; denominator sqrt(v + epsilon), minus the squared mean gradient if centered; momentum.
// in: w, g, lr, v, [momentum buffer if momentum > 0], [mean gradient if centered]   out: w, v, [...], [...]
struct RmspropUpdate {
  double rho = 0.9, momentum = 0.0, epsilon = 1e-7;
  bool centered = false;
  double weight_decay = 0.0;
};
// a += g^2; w -= lr g / sqrt(a + epsilon).   in: w, g, lr, accumulator   out: w, accumulator
struct AdagradUpdate {
  double epsilon = 1e-7;
  double weight_decay = 0.0;
};
// in: step int64 ()   out: step + amount. May run in place.
struct Increment {
  std::int64_t amount = 1;
};

using Op =
    std::variant<Conv2D, Conv2DInputGrad, Conv2DKernelGrad, MatMul, MaxPool2D, MaxPool2DGrad, AveragePool2D, AveragePool2DGrad,
                 Activation, ActivationGrad, Unary, Binary, Affine, Axpby, Clip, ClipByNorm, Cast, Fill, Reduce, Softmax,
                 SoftmaxGrad, BatchNorm, BatchNormGrad, BatchNormInference, BatchNormInferenceGrad, LayerNorm, LayerNormGrad,
                 Dropout, DropoutGrad, Pad, Slice, Concat, Upsample2D, Upsample2DGrad, Reshape, Transpose, Loss, LossGrad,
                 SgdUpdate, AdamUpdate, NadamUpdate, NadamProduct, RmspropUpdate, AdagradUpdate, Increment>;

}  // namespace op

using Op = op::Op;

// "Conv2D", "AdamUpdate": the struct's name.
std::string_view name_of(const Op& op);
// The attributes that are not at their default, for dumps and messages: "strides=2x2 groups=4".
std::string attributes_of(const Op& op);
// True for the ops whose comment says "may run in place": output i may be the buffer of the input at this index,
// provided nobody reads that input later. -1: none.
int in_place_input(const Op& op, int output);

// Lets a visitor be a list of lambdas.
template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace tutti
