#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "tutti/base/error.h"
#include "tutti/graph/graph.h"
#include "tutti/graph/type_checks.h"

namespace tutti {
namespace {

using namespace op;

// Walks the graph backwards from the loss; every visited node adds to the gradients of its inputs.
class Backward {
 public:
  Backward(Graph& graph, std::span<const ValueId> wrt);

  void run(ValueId loss);
  ValueId gradient(ValueId value) const { return gradients_[static_cast<std::size_t>(value)]; }

 private:
  // One rule for each differentiable op: `dy` is the gradient of the first output.
  void rule(const Conv2D& op, const Node& node, ValueId dy);
  void rule(const MatMul& op, const Node& node, ValueId dy);
  void rule(const MaxPool2D& op, const Node& node, ValueId dy);
  void rule(const AveragePool2D& op, const Node& node, ValueId dy);
  void rule(const Activation& op, const Node& node, ValueId dy);
  void rule(const Unary& op, const Node& node, ValueId dy);
  void rule(const Binary& op, const Node& node, ValueId dy);
  void rule(const Affine& op, const Node& node, ValueId dy);
  void rule(const Axpby& op, const Node& node, ValueId dy);
  void rule(const Clip& op, const Node& node, ValueId dy);
  void rule(const Cast& op, const Node& node, ValueId dy);
  void rule(const Reduce& op, const Node& node, ValueId dy);
  void rule(const Softmax& op, const Node& node, ValueId dy);
  void rule(const BatchNorm& op, const Node& node, ValueId dy);
  void rule(const BatchNormInference& op, const Node& node, ValueId dy);
  void rule(const LayerNorm& op, const Node& node, ValueId dy);
  void rule(const Dropout& op, const Node& node, ValueId dy);
  void rule(const Pad& op, const Node& node, ValueId dy);
  void rule(const Slice& op, const Node& node, ValueId dy);
  void rule(const Concat& op, const Node& node, ValueId dy);
  void rule(const Upsample2D& op, const Node& node, ValueId dy);
  void rule(const Reshape& op, const Node& node, ValueId dy);
  void rule(const Transpose& op, const Node& node, ValueId dy);
  void rule(const Loss& op, const Node& node, ValueId dy);
  // A constant has no inputs.
  void rule(const Fill&, const Node&, ValueId) {}
  template <class Other>
  void rule(const Other&, const Node& node, ValueId) {
    fail(name_of(node.op), "this op has no gradient. Expected an op of a forward pass on the path to the loss.");
  }

  bool wanted(ValueId value) const { return wanted_[static_cast<std::size_t>(value)]; }
  // Adds `amount` to the gradient of input number `input`.
  void give(const Node& node, int input, ValueId amount);
  // The gradients of the inputs 0 to 2 of a normalisation.
  template <class Grad>
  void give_normalization(Grad grad, const Node& node, ValueId dy, ValueId mean, ValueId variance);

  ValueId scaled(ValueId x, double scale);
  ValueId binary(BinaryKind kind, ValueId a, ValueId b) { return graph_.add1(Binary{kind}, {a, b}); }
  ValueId unary(UnaryKind kind, ValueId x) { return graph_.add1(Unary{kind}, {x}); }
  // A gradient of a broadcast result, summed back to the operand's shape.
  ValueId unbroadcast(ValueId dy, const Shape& shape);
  // factor * dy, repeated along the axes that `op` reduced.
  ValueId broadcast_reduced(const Reduce& op, const TensorType& x, ValueId dy, double factor);
  // The value of a Fill node.
  std::optional<double> constant(ValueId value) const;

  Graph& graph_;
  std::vector<bool> wanted_;        // by value: depends on one of wrt, through floating values
  std::vector<ValueId> gradients_;  // by value of the forward pass
};

Backward::Backward(Graph& graph, std::span<const ValueId> wrt)
    : graph_(graph), wanted_(graph.values().size()), gradients_(graph.values().size(), kNoValue) {
  for (const ValueId value : wrt) wanted_[static_cast<std::size_t>(value)] = is_floating(graph.type(value).dtype);
  for (const Node& node : graph.nodes()) {
    const bool depends = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) { return wanted(input); });
    if (!depends) continue;
    for (const ValueId output : node.outputs)
      if (is_floating(graph.type(output).dtype)) wanted_[static_cast<std::size_t>(output)] = true;
  }
}

void Backward::run(ValueId loss) {
  if (!wanted(loss)) return;
  graph_.set_origin({"", Node::Phase::kBackward});
  gradients_[static_cast<std::size_t>(loss)] = graph_.add1(Fill{graph_.type(loss), 1.0}, {});
  for (int index = graph_.values()[static_cast<std::size_t>(loss)].producer; index >= 0; --index) {
    // A copy: the rules append nodes.
    const Node node = graph_.nodes()[static_cast<std::size_t>(index)];
    if (std::none_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) { return wanted(input); })) continue;
    for (std::size_t output = 1; output < node.outputs.size(); ++output)
      if (gradient(node.outputs[output]) != kNoValue)
        fail(name_of(node.op), "only output 0 has a gradient. Got a loss that depends on output {}.", output);
    const ValueId dy = gradient(node.outputs.front());
    if (dy == kNoValue) continue;
    graph_.set_origin({node.origin.layer, Node::Phase::kBackward});
    std::visit([&](const auto& op) { rule(op, node, dy); }, node.op);
  }
}

void Backward::give(const Node& node, int input, ValueId amount) {
  const ValueId value = node.inputs[static_cast<std::size_t>(input)];
  ValueId& sum = gradients_[static_cast<std::size_t>(value)];
  sum = sum == kNoValue ? amount : binary(BinaryKind::kAdd, sum, amount);
}

ValueId Backward::scaled(ValueId x, double scale) {
  if (scale == 1.0) return x;
  if (const std::optional<double> value = constant(x)) return graph_.add1(Fill{graph_.type(x), *value * scale}, {});
  return graph_.add1(Affine{scale, 0.0}, {x});
}

std::optional<double> Backward::constant(ValueId value) const {
  const int producer = graph_.values()[static_cast<std::size_t>(value)].producer;
  if (producer < 0) return std::nullopt;
  const auto* fill = std::get_if<Fill>(&graph_.nodes()[static_cast<std::size_t>(producer)].op);
  return fill ? std::optional(fill->value) : std::nullopt;
}

ValueId Backward::unbroadcast(ValueId dy, const Shape& shape) {
  const Shape from = graph_.shape(dy);
  if (from == shape) return dy;
  const int extra = from.rank() - shape.rank();
  std::vector<int> axes;
  for (int axis = 0; axis < from.rank(); ++axis)
    if (axis < extra || (shape[axis - extra] == 1 && from[axis] != 1)) axes.push_back(axis);
  const ValueId sum = graph_.add1(Reduce{ReduceKind::kSum, std::move(axes)}, {dy});
  return graph_.shape(sum) == shape ? sum : graph_.add1(Reshape{shape}, {sum});
}

ValueId Backward::broadcast_reduced(const Reduce& op, const TensorType& x, ValueId dy, double factor) {
  if (const std::optional<double> value = constant(dy)) return graph_.add1(Fill{x, *value * factor}, {});
  Shape kept = x.shape;
  for (int axis = 0; axis < kept.rank(); ++axis)
    if (op.axes.empty() || std::binary_search(op.axes.begin(), op.axes.end(), axis)) kept[axis] = 1;
  if (graph_.shape(dy) != kept) dy = graph_.add1(Reshape{kept}, {dy});
  return binary(BinaryKind::kMul, graph_.add1(Fill{x, factor}, {}), dy);
}

// --- Convolution, matrix product, pooling. ----------------------------------------------------------------------

void Backward::rule(const Conv2D& op, const Node& node, ValueId dy) {
  const ValueId x = node.inputs[0], kernel = node.inputs[1];
  if (wanted(x)) give(node, 0, graph_.add1(Conv2DInputGrad{op, graph_.shape(x)}, {dy, kernel}));
  if (wanted(kernel)) give(node, 1, graph_.add1(Conv2DKernelGrad{op, graph_.shape(kernel)}, {x, dy}));
  if (node.inputs.size() == 3 && wanted(node.inputs[2])) give(node, 2, graph_.add1(Reduce{ReduceKind::kSum, {0, 1, 2}}, {dy}));
}

void Backward::rule(const MatMul& op, const Node& node, ValueId dy) {
  const ValueId a = node.inputs[0], b = node.inputs[1];
  // With A = a or its transpose, B likewise: dA = dy B^T, dB = A^T dy, each transposed back where it was transposed.
  if (wanted(a))
    give(node, 0,
         op.transpose_a ? graph_.add1(MatMul{op.transpose_b, true}, {b, dy})
                        : graph_.add1(MatMul{false, !op.transpose_b}, {dy, b}));
  if (wanted(b))
    give(node, 1,
         op.transpose_b ? graph_.add1(MatMul{true, op.transpose_a}, {dy, a})
                        : graph_.add1(MatMul{!op.transpose_a, false}, {a, dy}));
  if (node.inputs.size() == 3 && wanted(node.inputs[2])) give(node, 2, graph_.add1(Reduce{ReduceKind::kSum, {0}}, {dy}));
}

void Backward::rule(const MaxPool2D& op, const Node& node, ValueId dy) {
  give(node, 0, graph_.add1(MaxPool2DGrad{op, graph_.shape(node.inputs[0])}, {dy, node.outputs[1]}));
}

void Backward::rule(const AveragePool2D& op, const Node& node, ValueId dy) {
  give(node, 0, graph_.add1(AveragePool2DGrad{op, graph_.shape(node.inputs[0])}, {dy}));
}

void Backward::rule(const Upsample2D& op, const Node& node, ValueId dy) {
  give(node, 0, graph_.add1(Upsample2DGrad{op.factors}, {dy}));
}

// --- Element by element. ------------------------------------------------------------------------------------------

void Backward::rule(const Activation& op, const Node& node, ValueId dy) {
  const ValueId saved = gradient_uses_output(op.kind) ? node.outputs[0] : node.inputs[0];
  give(node, 0, graph_.add1(ActivationGrad{op.kind, op.alpha}, {dy, saved}));
}

void Backward::rule(const Unary& op, const Node& node, ValueId dy) {
  const ValueId x = node.inputs[0], y = node.outputs[0];
  switch (op.kind) {
    case UnaryKind::kNeg:
      return give(node, 0, scaled(dy, -1));
    case UnaryKind::kAbs:
      return give(node, 0, binary(BinaryKind::kMul, dy, unary(UnaryKind::kSign, x)));
    case UnaryKind::kSign:
      return;  // 0 almost everywhere
    case UnaryKind::kSquare:
      return give(node, 0, binary(BinaryKind::kMul, dy, scaled(x, 2)));
    case UnaryKind::kSqrt:
      return give(node, 0, binary(BinaryKind::kDiv, dy, scaled(y, 2)));
    case UnaryKind::kExp:
      return give(node, 0, binary(BinaryKind::kMul, dy, y));
    case UnaryKind::kLog:
      return give(node, 0, binary(BinaryKind::kDiv, dy, x));
    case UnaryKind::kReciprocal:
      return give(node, 0, binary(BinaryKind::kMul, dy, scaled(unary(UnaryKind::kSquare, y), -1)));
  }
}

void Backward::rule(const Binary& op, const Node& node, ValueId dy) {
  const ValueId a = node.inputs[0], b = node.inputs[1], y = node.outputs[0];
  const bool left = wanted(a), right = wanted(b);
  const auto give_left = [&](ValueId amount) { give(node, 0, unbroadcast(amount, graph_.shape(a))); };
  const auto give_right = [&](ValueId amount) { give(node, 1, unbroadcast(amount, graph_.shape(b))); };
  switch (op.kind) {
    case BinaryKind::kAdd:
      if (left) give_left(dy);
      if (right) give_right(dy);
      return;
    case BinaryKind::kSub:
      if (left) give_left(dy);
      if (right) give_right(scaled(dy, -1));
      return;
    case BinaryKind::kMul:
      if (left) give_left(binary(BinaryKind::kMul, dy, b));
      if (right) give_right(binary(BinaryKind::kMul, dy, a));
      return;
    case BinaryKind::kDiv:
      if (left) give_left(binary(BinaryKind::kDiv, dy, b));
      if (right) give_right(scaled(binary(BinaryKind::kDiv, binary(BinaryKind::kMul, dy, y), b), -1));
      return;
    case BinaryKind::kMax:
    case BinaryKind::kMin: {
      // The winner takes all of dy; equals share it, as in TensorFlow and PyTorch.
      const double half = op.kind == BinaryKind::kMax ? 0.5 : -0.5;
      const ValueId sign = unary(UnaryKind::kSign, binary(BinaryKind::kSub, a, b));
      if (left) give_left(binary(BinaryKind::kMul, dy, graph_.add1(Affine{half, 0.5}, {sign})));
      if (right) give_right(binary(BinaryKind::kMul, dy, graph_.add1(Affine{-half, 0.5}, {sign})));
      return;
    }
  }
}

void Backward::rule(const Affine& op, const Node& node, ValueId dy) { give(node, 0, scaled(dy, op.scale)); }

void Backward::rule(const Axpby& op, const Node& node, ValueId dy) {
  if (wanted(node.inputs[0])) give(node, 0, scaled(dy, op.alpha));
  if (wanted(node.inputs[1])) give(node, 1, scaled(dy, op.beta));
}

void Backward::rule(const Clip& op, const Node& node, ValueId dy) {
  // The gradient passes where low < x < high: that of relu or of hard_tanh, with x moved onto their bends.
  const ValueId x = node.inputs[0];
  const bool below = std::isfinite(op.low), above = std::isfinite(op.high);
  const auto through = [&](ActivationKind kind, double scale, double offset) {
    give(node, 0, graph_.add1(ActivationGrad{kind}, {dy, graph_.add1(Affine{scale, offset}, {x})}));
  };
  if (below && above && op.low < op.high)
    through(ActivationKind::kHardTanh, 2 / (op.high - op.low), -(op.high + op.low) / (op.high - op.low));
  else if (below && !above && op.high > op.low)
    through(ActivationKind::kRelu, 1, -op.low);
  else if (above && !below && op.high > op.low)
    through(ActivationKind::kRelu, -1, op.high);
  else if (op.low < op.high)
    give(node, 0, dy);
}

void Backward::rule(const Cast&, const Node& node, ValueId dy) {
  give(node, 0, graph_.add1(Cast{graph_.type(node.inputs[0]).dtype}, {dy}));
}

// --- Reductions, softmax, normalisation, dropout, losses. ----------------------------------------------------------

void Backward::rule(const Reduce& op, const Node& node, ValueId dy) {
  const ValueId x = node.inputs[0];
  const TensorType type = graph_.type(x);
  const double count = static_cast<double>(type.shape.elements()) / static_cast<double>(graph_.shape(dy).elements());
  switch (op.kind) {
    case ReduceKind::kSum:
      return give(node, 0, broadcast_reduced(op, type, dy, 1));
    case ReduceKind::kMean:
      return give(node, 0, broadcast_reduced(op, type, dy, 1 / count));
    case ReduceKind::kSumSquares:
      return give(node, 0, binary(BinaryKind::kMul, x, broadcast_reduced(op, type, dy, 2)));
    case ReduceKind::kSumAbs:
      return give(node, 0, binary(BinaryKind::kMul, unary(UnaryKind::kSign, x), broadcast_reduced(op, type, dy, 1)));
  }
}

void Backward::rule(const Softmax& op, const Node& node, ValueId dy) {
  give(node, 0, graph_.add1(SoftmaxGrad{op.log}, {dy, node.outputs[0]}));
}

template <class Grad>
void Backward::give_normalization(Grad grad, const Node& node, ValueId dy, ValueId mean, ValueId variance) {
  const std::vector<ValueId> gradients = graph_.add(grad, {dy, node.inputs[0], node.inputs[1], mean, variance});
  for (int input = 0; input < 3; ++input) {
    const auto at = static_cast<std::size_t>(input);
    if (wanted(node.inputs[at])) give(node, input, gradients[at]);
  }
}

void Backward::rule(const BatchNorm& op, const Node& node, ValueId dy) {
  give_normalization(BatchNormGrad{op.epsilon}, node, dy, node.outputs[1], node.outputs[2]);
}

void Backward::rule(const BatchNormInference& op, const Node& node, ValueId dy) {
  give_normalization(BatchNormInferenceGrad{op.epsilon}, node, dy, node.inputs[3], node.inputs[4]);
}

void Backward::rule(const LayerNorm& op, const Node& node, ValueId dy) {
  give_normalization(LayerNormGrad{op.epsilon}, node, dy, node.outputs[1], node.outputs[2]);
}

void Backward::rule(const Dropout& op, const Node& node, ValueId dy) {
  give(node, 0, graph_.add1(DropoutGrad{op.rate}, {dy, node.outputs[1]}));
}

void Backward::rule(const Loss& op, const Node& node, ValueId dy) {
  // A target has no gradient, wanted or not.
  if (wanted(node.inputs[0])) give(node, 0, graph_.add1(LossGrad{op}, {dy, node.inputs[0], node.inputs[1]}));
}

// --- Moving elements about. ---------------------------------------------------------------------------------------

void Backward::rule(const Pad& op, const Node& node, ValueId dy) {
  give(node, 0, graph_.add1(Slice{op.before, graph_.shape(node.inputs[0]).extents()}, {dy}));
}

void Backward::rule(const Slice& op, const Node& node, ValueId dy) {
  std::vector<std::int64_t> after = graph_.shape(node.inputs[0]).extents();
  for (std::size_t axis = 0; axis < after.size(); ++axis) after[axis] -= op.begin[axis] + op.sizes[axis];
  give(node, 0, graph_.add1(Pad{op.begin, std::move(after)}, {dy}));
}

void Backward::rule(const Concat& op, const Node& node, ValueId dy) {
  const auto axis = static_cast<std::size_t>(op.axis);
  std::vector<std::int64_t> begin(static_cast<std::size_t>(graph_.shape(dy).rank()), 0);
  for (int input = 0; input < static_cast<int>(node.inputs.size()); ++input) {
    const ValueId value = node.inputs[static_cast<std::size_t>(input)];
    const std::vector<std::int64_t> sizes = graph_.shape(value).extents();
    if (wanted(value)) give(node, input, graph_.add1(Slice{begin, sizes}, {dy}));
    begin[axis] += sizes[axis];
  }
}

void Backward::rule(const Reshape&, const Node& node, ValueId dy) {
  give(node, 0, graph_.add1(Reshape{graph_.shape(node.inputs[0])}, {dy}));
}

void Backward::rule(const Transpose& op, const Node& node, ValueId dy) {
  std::vector<int> inverse(op.permutation.size());
  for (std::size_t axis = 0; axis < inverse.size(); ++axis)
    inverse[static_cast<std::size_t>(op.permutation[axis])] = static_cast<int>(axis);
  give(node, 0, graph_.add1(Transpose{std::move(inverse)}, {dy}));
}

}  // namespace

std::vector<ValueId> add_gradients(Graph& graph, ValueId loss, std::span<const ValueId> wrt) {
  const TensorType type = graph.type(loss);
  if (type.shape.rank() != 0 || !is_floating(type.dtype))
    fail("gradients", "the loss must be one floating number. Expected float32 () or float64 (). Got {}.", to_string(type));
  Backward backward(graph, wrt);
  backward.run(loss);
  std::vector<ValueId> gradients;
  for (const ValueId value : wrt) gradients.push_back(backward.gradient(value));
  return gradients;
}

}  // namespace tutti
