#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/ranges.h>

#include "tutti/base/error.h"
#include "tutti/graph/shape_rules.h"
#include "tutti/graph/type_checks.h"

namespace tutti::shape_rules {
namespace {

using namespace op;

// Where the gradient is computed from the output, its sign must tell the sign of x.
void check_alpha(std::string_view name, ActivationKind kind, double alpha) {
  if (!std::isfinite(alpha)) fail(name, "alpha must be finite. Got {}.", alpha);
  const bool slope = kind == ActivationKind::kLeakyRelu || kind == ActivationKind::kElu;
  if (slope && alpha < 0) fail(name, "alpha of {} out of range. Expected at least 0. Got {}.", name_of(kind), alpha);
  if (kind == ActivationKind::kCelu && alpha <= 0) fail(name, "alpha of celu out of range. Expected above 0. Got {}.", alpha);
}

// Two inputs of one floating type.
Types same_types(const Inputs& in) {
  in.exactly(1, in.floating(0));
  return {in[0]};
}

// One number an axis.
template <class T>
void check_per_axis(std::string_view name, std::string_view attribute, const std::vector<T>& values, const Shape& x) {
  if (static_cast<int>(values.size()) != x.rank())
    fail(name, "{} has the wrong length. Expected {}, one an axis of {}. Got ({}).", attribute, x.rank(), to_string(x),
         fmt::join(values, ", "));
}

std::int64_t broadcast_extent(std::int64_t a, std::int64_t b) { return a == 1 ? b : a; }

}  // namespace

Types infer(const Activation& op, TypeSpan types) {
  const Inputs in("Activation", types, {"x"});
  check_alpha(in.op(), op.kind, op.alpha);
  return {in.floating(0)};
}

Types infer(const ActivationGrad& op, TypeSpan types) {
  const Inputs in("ActivationGrad", types, {"dy", gradient_uses_output(op.kind) ? "y" : "x"});
  check_alpha(in.op(), op.kind, op.alpha);
  return same_types(in);
}

Types infer(const Unary&, TypeSpan types) {
  const Inputs in("Unary", types, {"x"});
  return {in.floating(0)};
}

Types infer(const Binary&, TypeSpan types) {
  const Inputs in("Binary", types, {"a", "b"});
  const TensorType& a = in.floating(0);
  in.exactly(1, {a.dtype, in.shape(1)});
  const Shape &left = a.shape, &right = in.shape(1);
  std::vector<std::int64_t> extents(static_cast<std::size_t>(std::max(left.rank(), right.rank())), 1);
  for (int from_end = 1; from_end <= static_cast<int>(extents.size()); ++from_end) {
    const std::int64_t l = from_end <= left.rank() ? left[-from_end] : 1, r = from_end <= right.rank() ? right[-from_end] : 1;
    if (l != r && l != 1 && r != 1)
      fail(in.op(), "the shapes do not broadcast. Expected equal extents or 1, aligned at the last axis. Got a {}, b {}.",
           to_string(left), to_string(right));
    extents[extents.size() - static_cast<std::size_t>(from_end)] = broadcast_extent(l, r);
  }
  return {{a.dtype, Shape(std::move(extents))}};
}

Types infer(const Affine& op, TypeSpan types) {
  const Inputs in("Affine", types, {"x"});
  if (!std::isfinite(op.scale) || !std::isfinite(op.offset))
    fail(in.op(), "scale and offset must be finite. Got {} and {}.", op.scale, op.offset);
  return {in.floating(0)};
}

Types infer(const Axpby& op, TypeSpan types) {
  const Inputs in("Axpby", types, {"a", "b"});
  if (!std::isfinite(op.alpha) || !std::isfinite(op.beta))
    fail(in.op(), "alpha and beta must be finite. Got {} and {}.", op.alpha, op.beta);
  return same_types(in);
}

Types infer(const Clip& op, TypeSpan types) {
  const Inputs in("Clip", types, {"x"});
  if (!(op.low <= op.high)) fail(in.op(), "the bounds are out of order. Expected low <= high. Got {} and {}.", op.low, op.high);
  return {in.floating(0)};
}

Types infer(const ClipByNorm& op, TypeSpan types) {
  const Inputs in("ClipByNorm", types, {"x", "squared_norm"});
  if (!(op.max_norm > 0)) fail(in.op(), "max_norm out of range. Expected more than 0. Got {}.", op.max_norm);
  const TensorType& x = in.floating(0);
  in.exactly(1, {x.dtype, {}});
  return {x};
}

Types infer(const Cast& op, TypeSpan types) {
  const Inputs in("Cast", types, {"x"});
  return {{op.dtype, in.shape(0)}};
}

Types infer(const Fill& op, TypeSpan types) {
  const Inputs in("Fill", types, {});
  return {op.type};
}

Types infer(const Reduce& op, TypeSpan types) {
  const Inputs in("Reduce", types, {"x"});
  const TensorType& x = in.floating(0);
  const int rank = x.shape.rank();
  int previous = -1;
  for (const int axis : op.axes) {
    if (axis <= previous || axis >= rank)
      fail(in.op(), "bad axes. Expected ascending axes of {}, 0 to {}. Got ({}).", to_string(x), rank - 1,
           fmt::join(op.axes, ", "));
    previous = axis;
  }
  std::vector<std::int64_t> extents;
  for (int axis = 0; axis < rank; ++axis) {
    const bool reduced = op.axes.empty() || std::binary_search(op.axes.begin(), op.axes.end(), axis);
    if (!reduced)
      extents.push_back(x.shape[axis]);
    else if (op.keep_dims)
      extents.push_back(1);
  }
  return {{x.dtype, Shape(std::move(extents))}};
}

Types infer(const Pad& op, TypeSpan types) {
  const Inputs in("Pad", types, {"x"});
  Shape y = in.shape(0);
  check_per_axis(in.op(), "before", op.before, y);
  check_per_axis(in.op(), "after", op.after, y);
  constexpr std::int64_t kMaxPadding = std::int64_t{1} << 48;  // sums of an extent and two paddings cannot overflow
  for (int axis = 0; axis < y.rank(); ++axis) {
    const auto at = static_cast<std::size_t>(axis);
    const bool in_range =
        op.before[at] >= 0 && op.after[at] >= 0 && op.before[at] <= kMaxPadding && op.after[at] <= kMaxPadding;
    if (!in_range)
      fail(in.op(), "padding out of range. Expected 0 or more on each side. Got before ({}), after ({}).",
           fmt::join(op.before, ", "), fmt::join(op.after, ", "));
    y[axis] += op.before[at] + op.after[at];
  }
  return {{in[0].dtype, std::move(y)}};
}

Types infer(const Slice& op, TypeSpan types) {
  const Inputs in("Slice", types, {"x"});
  const Shape& x = in.shape(0);
  check_per_axis(in.op(), "begin", op.begin, x);
  check_per_axis(in.op(), "sizes", op.sizes, x);
  for (int axis = 0; axis < x.rank(); ++axis) {
    const std::int64_t begin = op.begin[static_cast<std::size_t>(axis)], size = op.sizes[static_cast<std::size_t>(axis)];
    if (begin < 0 || size < 1 || size > x[axis] || begin > x[axis] - size)
      fail(in.op(), "the slice leaves x on axis {}. Expected a part of {}. Got begin ({}), sizes ({}).", axis, to_string(x),
           fmt::join(op.begin, ", "), fmt::join(op.sizes, ", "));
  }
  return {{in[0].dtype, Shape(op.sizes)}};
}

Types infer(const Concat& op, TypeSpan types) {
  if (types.size() < 2) fail("Concat", "wrong number of inputs. Expected 2 or more. Got {}.", types.size());
  TensorType y = types[0];
  if (op.axis < 0 || op.axis >= y.shape.rank())
    fail("Concat", "axis out of range. Expected 0 to {}. Got {}.", y.shape.rank() - 1, op.axis);
  check_type("Concat", "input 0", y);
  for (std::size_t input = 1; input < types.size(); ++input) {
    check_type("Concat", fmt::format("input {}", input), types[input]);
    TensorType expected = types[0];
    if (types[input].shape.rank() == expected.shape.rank()) expected.shape[op.axis] = types[input].shape[op.axis];
    if (types[input] != expected)
      fail("Concat", "input {} does not fit input 0. Expected {} with any extent on axis {}. Got {}.", input,
           to_string(types[0]), op.axis, to_string(types[input]));
    y.shape[op.axis] += types[input].shape[op.axis];
    check_type("Concat", "the output", y);  // the sum cannot overflow unseen
  }
  return {std::move(y)};
}

Types infer(const Reshape& op, TypeSpan types) {
  const Inputs in("Reshape", types, {"x"});
  check_type(in.op(), "shape", {in[0].dtype, op.shape});
  if (op.shape.elements() != in.shape(0).elements())
    fail(in.op(), "the number of elements changes. Expected {} of {}. Got {} of {}.", in.shape(0).elements(),
         to_string(in.shape(0)), op.shape.elements(), to_string(op.shape));
  return {{in[0].dtype, op.shape}};
}

Types infer(const Transpose& op, TypeSpan types) {
  const Inputs in("Transpose", types, {"x"});
  const Shape& x = in.shape(0);
  check_per_axis(in.op(), "permutation", op.permutation, x);
  std::vector<bool> seen(op.permutation.size());
  std::vector<std::int64_t> extents;
  for (const int axis : op.permutation) {
    if (axis < 0 || axis >= x.rank() || seen[static_cast<std::size_t>(axis)])
      fail(in.op(), "not a permutation. Expected each axis 0 to {} once. Got ({}).", x.rank() - 1,
           fmt::join(op.permutation, ", "));
    seen[static_cast<std::size_t>(axis)] = true;
    extents.push_back(x[axis]);
  }
  return {{in[0].dtype, Shape(std::move(extents))}};
}

}  // namespace tutti::shape_rules
