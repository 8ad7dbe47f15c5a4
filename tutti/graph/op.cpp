#include "tutti/graph/op.h"

#include <cmath>
#include <limits>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tutti::op {

std::string_view name_of(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kRelu:
      return "relu";
    case ActivationKind::kRelu6:
      return "relu6";
    case ActivationKind::kLeakyRelu:
      return "leaky_relu";
    case ActivationKind::kElu:
      return "elu";
    case ActivationKind::kSelu:
      return "selu";
    case ActivationKind::kGelu:
      return "gelu";
    case ActivationKind::kGeluTanh:
      return "gelu_tanh";
    case ActivationKind::kSilu:
      return "silu";
    case ActivationKind::kSigmoid:
      return "sigmoid";
    case ActivationKind::kTanh:
      return "tanh";
    case ActivationKind::kSoftplus:
      return "softplus";
    case ActivationKind::kSoftsign:
      return "softsign";
    case ActivationKind::kExponential:
      return "exponential";
    case ActivationKind::kHardSigmoid:
      return "hard_sigmoid";
    case ActivationKind::kHardSigmoid2:
      return "hard_sigmoid2";
    case ActivationKind::kHardSilu:
      return "hard_silu";
    case ActivationKind::kHardTanh:
      return "hard_tanh";
    case ActivationKind::kMish:
      return "mish";
    case ActivationKind::kLogSigmoid:
      return "log_sigmoid";
    case ActivationKind::kCelu:
      return "celu";
  }
  return "unknown";
}

bool gradient_uses_output(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kRelu:       // y > 0
    case ActivationKind::kRelu6:      // 0 < y < 6
    case ActivationKind::kLeakyRelu:  // y > 0 ? 1 : alpha, for alpha >= 0
    case ActivationKind::kElu:        // y > 0 ? 1 : y + alpha, for alpha >= 0
    case ActivationKind::kSelu:
    case ActivationKind::kSigmoid:      // y (1 - y)
    case ActivationKind::kTanh:         // 1 - y^2
    case ActivationKind::kExponential:  // y
      return true;
    default:
      return false;
  }
}

std::string_view name_of(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::kNeg:
      return "neg";
    case UnaryKind::kAbs:
      return "abs";
    case UnaryKind::kSign:
      return "sign";
    case UnaryKind::kSquare:
      return "square";
    case UnaryKind::kSqrt:
      return "sqrt";
    case UnaryKind::kExp:
      return "exp";
    case UnaryKind::kLog:
      return "log";
    case UnaryKind::kReciprocal:
      return "reciprocal";
  }
  return "unknown";
}

std::string_view name_of(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::kAdd:
      return "add";
    case BinaryKind::kSub:
      return "sub";
    case BinaryKind::kMul:
      return "mul";
    case BinaryKind::kDiv:
      return "div";
    case BinaryKind::kMax:
      return "max";
    case BinaryKind::kMin:
      return "min";
  }
  return "unknown";
}

std::string_view name_of(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kSum:
      return "sum";
    case ReduceKind::kMean:
      return "mean";
    case ReduceKind::kSumSquares:
      return "sum_squares";
    case ReduceKind::kSumAbs:
      return "sum_abs";
  }
  return "unknown";
}

std::string_view name_of(LossKind kind) {
  switch (kind) {
    case LossKind::kCategoricalCrossEntropy:
      return "categorical_crossentropy";
    case LossKind::kSparseCategoricalCrossEntropy:
      return "sparse_categorical_crossentropy";
    case LossKind::kBinaryCrossEntropy:
      return "binary_crossentropy";
    case LossKind::kMeanSquaredError:
      return "mean_squared_error";
    case LossKind::kMeanAbsoluteError:
      return "mean_absolute_error";
    case LossKind::kHuber:
      return "huber";
  }
  return "unknown";
}

std::uint32_t dropout_threshold(double rate) {
  const double scaled = rate * 4294967296.0;  // 2^32 words
  if (!(scaled > 0)) return 0;
  constexpr double kLargest = std::numeric_limits<std::uint32_t>::max();
  return scaled >= kLargest ? std::numeric_limits<std::uint32_t>::max() : static_cast<std::uint32_t>(scaled);
}

}  // namespace tutti::op

namespace tutti {
using namespace op;
namespace {

// Collects "name=value" of the attributes that differ from their default.
class AttributeText {
 public:
  template <class T>
  void add(std::string_view name, const T& value) {
    if (!text_.empty()) text_ += ' ';
    text_ += fmt::format("{}={}", name, value);
  }
  template <class T>
  void add_unless(std::string_view name, const T& value, const T& usual) {
    if (!(value == usual)) add(name, value);
  }
  // "2x3", rows first.
  void add_unless(std::string_view name, const std::array<int, 2>& value, const std::array<int, 2>& usual) {
    if (value != usual) add(name, fmt::format("{}x{}", value[0], value[1]));
  }
  void add_unless(std::string_view name, const Padding2D& value, const Padding2D& usual) {
    if (!(value == usual)) add(name, fmt::format("{},{},{},{}", value.top, value.bottom, value.left, value.right));
  }
  template <class T>
  void add_list(std::string_view name, const std::vector<T>& values) {
    add(name, fmt::format("({})", fmt::join(values, ", ")));
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void describe(const ConvAttributes& op, AttributeText& text) {
  const ConvAttributes usual;
  text.add_unless("strides", op.strides, usual.strides);
  text.add_unless("dilations", op.dilations, usual.dilations);
  text.add_unless("padding", op.padding, usual.padding);
  text.add_unless("groups", op.groups, usual.groups);
}

void describe(const PoolAttributes& op, AttributeText& text) {
  const PoolAttributes usual;
  text.add_unless("window", op.window, usual.window);
  text.add_unless("strides", op.strides, usual.strides);
  text.add_unless("padding", op.padding, usual.padding);
}

void describe(const LossAttributes& op, AttributeText& text) {
  text.add("kind", name_of(op.kind));
  text.add_unless("from_logits", op.from_logits, false);
  text.add_unless("label_smoothing", op.label_smoothing, 0.0);
  text.add_unless("delta", op.delta, 1.0);
}

void describe(const MatMul& op, AttributeText& text) {
  text.add_unless("transpose_a", op.transpose_a, false);
  text.add_unless("transpose_b", op.transpose_b, false);
}

template <class T>
concept ActivationLike = std::same_as<T, Activation> || std::same_as<T, ActivationGrad>;
template <ActivationLike T>
void describe(const T& op, AttributeText& text) {
  text.add("kind", name_of(op.kind));
  text.add_unless("alpha", op.alpha, 1.0);
}

template <class T>
concept ElementwiseKind = std::same_as<T, Unary> || std::same_as<T, Binary>;
template <ElementwiseKind T>
void describe(const T& op, AttributeText& text) {
  text.add("kind", name_of(op.kind));
}

void describe(const Affine& op, AttributeText& text) {
  text.add_unless("scale", op.scale, 1.0);
  text.add_unless("offset", op.offset, 0.0);
}

void describe(const Axpby& op, AttributeText& text) {
  text.add_unless("alpha", op.alpha, 1.0);
  text.add_unless("beta", op.beta, 1.0);
}

void describe(const Clip& op, AttributeText& text) {
  text.add("low", op.low);
  text.add("high", op.high);
}

void describe(const ClipByNorm& op, AttributeText& text) { text.add("max_norm", op.max_norm); }

void describe(const Cast& op, AttributeText& text) { text.add("dtype", name_of(op.dtype)); }

void describe(const Fill& op, AttributeText& text) { text.add("value", op.value); }

void describe(const Reduce& op, AttributeText& text) {
  text.add("kind", name_of(op.kind));
  if (!op.axes.empty()) text.add_list("axes", op.axes);
  text.add_unless("keep_dims", op.keep_dims, false);
}

template <class T>
concept SoftmaxLike = std::same_as<T, Softmax> || std::same_as<T, SoftmaxGrad>;
template <SoftmaxLike T>
void describe(const T& op, AttributeText& text) {
  text.add_unless("log", op.log, false);
}

template <class T>
concept Normalization = std::same_as<T, BatchNorm> || std::same_as<T, BatchNormGrad> || std::same_as<T, BatchNormInference> ||
    std::same_as<T, BatchNormInferenceGrad> || std::same_as<T, LayerNorm> || std::same_as<T, LayerNormGrad>;
template <Normalization T>
void describe(const T& op, AttributeText& text) {
  text.add_unless("epsilon", op.epsilon, T().epsilon);
}

void describe(const Dropout& op, AttributeText& text) {
  text.add("rate", op.rate);
  text.add("seed", op.seed);
  text.add("stream", op.stream);
}

void describe(const DropoutGrad& op, AttributeText& text) { text.add("rate", op.rate); }

void describe(const Pad& op, AttributeText& text) {
  text.add_list("before", op.before);
  text.add_list("after", op.after);
}

void describe(const Slice& op, AttributeText& text) {
  text.add_list("begin", op.begin);
  text.add_list("sizes", op.sizes);
}

void describe(const Concat& op, AttributeText& text) { text.add("axis", op.axis); }

template <class T>
concept UpsampleLike = std::same_as<T, Upsample2D> || std::same_as<T, Upsample2DGrad>;
template <UpsampleLike T>
void describe(const T& op, AttributeText& text) {
  text.add_unless("factors", op.factors, T().factors);
}

// The output's type says it all.
void describe(const Reshape&, AttributeText&) {}

void describe(const Transpose& op, AttributeText& text) { text.add_list("permutation", op.permutation); }

void describe(const SgdUpdate& op, AttributeText& text) {
  text.add_unless("momentum", op.momentum, 0.0);
  text.add_unless("nesterov", op.nesterov, false);
  text.add_unless("weight_decay", op.weight_decay, 0.0);
}

template <class T>
concept AdamLike = std::same_as<T, AdamUpdate> || std::same_as<T, NadamUpdate>;
template <AdamLike T>
void describe(const T& op, AttributeText& text) {
  const T usual;
  text.add_unless("beta_1", op.beta_1, usual.beta_1);
  text.add_unless("beta_2", op.beta_2, usual.beta_2);
  text.add_unless("epsilon", op.epsilon, usual.epsilon);
  text.add_unless("weight_decay", op.weight_decay, 0.0);
}

void describe(const NadamProduct& op, AttributeText& text) { text.add_unless("beta_1", op.beta_1, NadamProduct().beta_1); }

void describe(const RmspropUpdate& op, AttributeText& text) {
  const RmspropUpdate usual;
  text.add_unless("rho", op.rho, usual.rho);
  text.add_unless("momentum", op.momentum, usual.momentum);
  text.add_unless("epsilon", op.epsilon, usual.epsilon);
  text.add_unless("centered", op.centered, false);
  text.add_unless("weight_decay", op.weight_decay, 0.0);
}

void describe(const AdagradUpdate& op, AttributeText& text) {
  text.add_unless("epsilon", op.epsilon, AdagradUpdate().epsilon);
  text.add_unless("weight_decay", op.weight_decay, 0.0);
}

void describe(const Increment& op, AttributeText& text) { text.add_unless("amount", op.amount, std::int64_t{1}); }

// In the order of the variant.
// clang-format off
constexpr std::string_view kOpNames[] = {
    "Conv2D", "Conv2DInputGrad", "Conv2DKernelGrad", "MatMul", "MaxPool2D", "MaxPool2DGrad", "AveragePool2D",
    "AveragePool2DGrad", "Activation", "ActivationGrad", "Unary", "Binary", "Affine", "Axpby", "Clip", "ClipByNorm", "Cast",
    "Fill", "Reduce", "Softmax", "SoftmaxGrad", "BatchNorm", "BatchNormGrad", "BatchNormInference",
    "BatchNormInferenceGrad", "LayerNorm", "LayerNormGrad", "Dropout", "DropoutGrad", "Pad", "Slice", "Concat",
    "Upsample2D", "Upsample2DGrad", "Reshape", "Transpose", "Loss", "LossGrad", "SgdUpdate", "AdamUpdate", "NadamUpdate",
    "NadamProduct", "RmspropUpdate", "AdagradUpdate", "Increment"};
// clang-format on
static_assert(std::size(kOpNames) == std::variant_size_v<Op>);

}  // namespace

std::string_view name_of(const Op& op) { return kOpNames[op.index()]; }

std::string attributes_of(const Op& op) {
  AttributeText text;
  std::visit([&](const auto& attributes) { describe(attributes, text); }, op);
  return text.take();
}

int in_place_input(const Op& op, int output) {
  // Inputs of an optimizer's update: w, g, lr, then from 3 on the slots, or from 4 on where step comes before them.
  const auto slots_from = [&](int first) { return output == 0 ? 0 : first + output - 1; };
  const auto first_only = [&] { return output == 0 ? 0 : -1; };
  return std::visit(
      Overloaded{[&](const Activation&) { return first_only(); }, [&](const ActivationGrad&) { return first_only(); },
                 [&](const Unary&) { return first_only(); }, [&](const Affine&) { return first_only(); },
                 [&](const Axpby&) { return first_only(); }, [&](const Clip&) { return first_only(); },
                 [&](const ClipByNorm&) { return first_only(); }, [&](const SgdUpdate&) { return slots_from(3); },
                 [&](const AdamUpdate&) { return slots_from(4); }, [&](const NadamUpdate&) { return slots_from(4); },
                 [&](const NadamProduct&) { return first_only(); }, [&](const RmspropUpdate&) { return slots_from(3); },
                 [&](const AdagradUpdate&) { return slots_from(3); }, [&](const Increment&) { return first_only(); },
                 [](const auto&) { return -1; }},
      op);
}

}  // namespace tutti
