#include <algorithm>
#include <limits>
#include <string_view>

#include "tutti/base/error.h"
#include "tutti/graph/shape_rules.h"
#include "tutti/graph/type_checks.h"

namespace tutti::shape_rules {
namespace {

using namespace op;

constexpr std::string_view kImage = "(n, h, w, c)";
constexpr std::string_view kKernel = "(k_h, k_w, c_in / groups, c_out)";

void check_pair(std::string_view name, std::string_view attribute, const std::array<int, 2>& pair) {
  if (pair[0] < 1 || pair[1] < 1) fail(name, "{} out of range. Expected at least 1. Got {}x{}.", attribute, pair[0], pair[1]);
}

void check_padding(std::string_view name, const Padding2D& padding) {
  if (padding.top < 0 || padding.bottom < 0 || padding.left < 0 || padding.right < 0)
    fail(name, "padding out of range. Expected 0 or more on each side. Got top {}, bottom {}, left {}, right {}.", padding.top,
         padding.bottom, padding.left, padding.right);
}

// Positions of a window along one axis: floor((extent + padding - reach) / stride) + 1.
std::int64_t positions(std::string_view name, std::string_view axis, std::int64_t extent, std::int64_t padding,
                       std::int64_t reach, std::int64_t stride) {
  if (reach > extent + padding)
    fail(name, "the window is larger than the padded image in {}. Expected at most {}. Got {}.", axis, extent + padding, reach);
  return (extent + padding - reach) / stride + 1;
}

// y of a convolution of x with kernel, all attributes checked.
Shape conv_output(std::string_view name, const ConvAttributes& op, const Shape& x, const Shape& kernel) {
  check_pair(name, "strides", op.strides);
  check_pair(name, "dilations", op.dilations);
  check_padding(name, op.padding);
  const std::int64_t c_in = x[3], c_out = kernel[3];
  if (op.groups < 1 || c_in % op.groups != 0 || c_out % op.groups != 0)
    fail(name, "groups must divide the channels in and out. Expected a divisor of {} and {}. Got {}.", c_in, c_out, op.groups);
  if (kernel[2] != c_in / op.groups)
    fail(name, "kernel does not fit x. Expected {} channels in on axis 2 ({} / {} groups). Got x {}, kernel {}.",
         c_in / op.groups, c_in, op.groups, to_string(x), to_string(kernel));
  // A hostile kernel extent times a dilation must not overflow.
  constexpr std::int64_t kMaxExtent = std::numeric_limits<std::int32_t>::max();
  if (kernel[0] > kMaxExtent || kernel[1] > kMaxExtent)
    fail(name, "kernel is too large. Expected extents below 2^31. Got {}.", to_string(kernel));
  const std::int64_t reach_h = (kernel[0] - 1) * op.dilations[0] + 1, reach_w = (kernel[1] - 1) * op.dilations[1] + 1;
  const Padding2D& pad = op.padding;
  const std::int64_t o_h = positions(name, "height", x[1], std::int64_t{pad.top} + pad.bottom, reach_h, op.strides[0]);
  const std::int64_t o_w = positions(name, "width", x[2], std::int64_t{pad.left} + pad.right, reach_w, op.strides[1]);
  return {x[0], o_h, o_w, c_out};
}

// y of a pooling of x, all attributes checked.
Shape pool_output(std::string_view name, const PoolAttributes& op, const Shape& x) {
  check_pair(name, "window", op.window);
  check_pair(name, "strides", op.strides);
  check_padding(name, op.padding);
  const Padding2D& pad = op.padding;
  // Otherwise some window would lie wholly outside the image and have no largest cell and no mean.
  if (std::max(pad.top, pad.bottom) >= op.window[0] || std::max(pad.left, pad.right) >= op.window[1])
    fail(name, "padding must be smaller than the window. Expected below {}x{}. Got top {}, bottom {}, left {}, right {}.",
         op.window[0], op.window[1], pad.top, pad.bottom, pad.left, pad.right);
  const std::int64_t o_h = positions(name, "height", x[1], std::int64_t{pad.top} + pad.bottom, op.window[0], op.strides[0]);
  const std::int64_t o_w = positions(name, "width", x[2], std::int64_t{pad.left} + pad.right, op.window[1], op.strides[1]);
  return {x[0], o_h, o_w, x[3]};
}

// The argmax of a pooling counts pixels of one image in int32.
void check_argmax_range(std::string_view name, const Shape& x) {
  if (x[1] > std::numeric_limits<std::int32_t>::max() / x[2])
    fail(name, "the image is too large. Expected fewer than 2^31 pixels. Got {}.", to_string(x));
}

// The type that a gradient must have, given as an attribute: a valid tensor of rank 4.
TensorType attribute_type(std::string_view name, std::string_view attribute, DType dtype, const Shape& shape,
                          std::string_view layout) {
  TensorType type{dtype, shape};
  if (shape.rank() != 4)
    fail(name, "{} has the wrong number of axes. Expected 4: {}. Got {}.", attribute, layout, to_string(shape));
  check_type(name, attribute, type);
  return type;
}

}  // namespace

Types infer(const Conv2D& op, TypeSpan types) {
  const Inputs in("Conv2D", types, {"x", "kernel", "bias"}, 1);
  const TensorType& x = in.floating(0, 4, kImage);
  const TensorType& kernel = in.floating(1, 4, kKernel);
  in.exactly(1, {x.dtype, kernel.shape});
  Shape y = conv_output(in.op(), op, x.shape, kernel.shape);
  if (in.count() == 3) in.exactly(2, {x.dtype, {kernel.shape[3]}});
  return {{x.dtype, std::move(y)}};
}

Types infer(const Conv2DInputGrad& op, TypeSpan types) {
  const Inputs in("Conv2DInputGrad", types, {"dy", "kernel"});
  const TensorType& kernel = in.floating(1, 4, kKernel);
  TensorType dx = attribute_type(in.op(), "input_shape", kernel.dtype, op.input_shape, kImage);
  in.exactly(0, {dx.dtype, conv_output(in.op(), op, dx.shape, kernel.shape)});
  return {std::move(dx)};
}

Types infer(const Conv2DKernelGrad& op, TypeSpan types) {
  const Inputs in("Conv2DKernelGrad", types, {"x", "dy"});
  const TensorType& x = in.floating(0, 4, kImage);
  TensorType dkernel = attribute_type(in.op(), "kernel_shape", x.dtype, op.kernel_shape, kKernel);
  in.exactly(1, {x.dtype, conv_output(in.op(), op, x.shape, dkernel.shape)});
  return {std::move(dkernel)};
}

Types infer(const MatMul& op, TypeSpan types) {
  const Inputs in("MatMul", types, {"a", "b", "bias"}, 1);
  const TensorType& a = in.floating(0, 2, op.transpose_a ? "(k, m)" : "(m, k)");
  const TensorType& b = in.floating(1, 2, op.transpose_b ? "(n, k)" : "(k, n)");
  in.exactly(1, {a.dtype, b.shape});
  const std::int64_t m = a.shape[op.transpose_a ? 1 : 0], a_k = a.shape[op.transpose_a ? 0 : 1];
  const std::int64_t b_k = b.shape[op.transpose_b ? 1 : 0], n = b.shape[op.transpose_b ? 0 : 1];
  if (a_k != b_k)
    fail(in.op(), "the inner extents differ. Expected k of a and b to be equal. Got a {}{}, b {}{}.", to_string(a.shape),
         op.transpose_a ? " transposed" : "", to_string(b.shape), op.transpose_b ? " transposed" : "");
  if (in.count() == 3) in.exactly(2, {a.dtype, {n}});
  return {{a.dtype, {m, n}}};
}

Types infer(const MaxPool2D& op, TypeSpan types) {
  const Inputs in("MaxPool2D", types, {"x"});
  const TensorType& x = in.floating(0, 4, kImage);
  check_argmax_range(in.op(), x.shape);
  const Shape y = pool_output(in.op(), op, x.shape);
  return {{x.dtype, y}, {DType::kInt32, y}};
}

Types infer(const MaxPool2DGrad& op, TypeSpan types) {
  const Inputs in("MaxPool2DGrad", types, {"dy", "argmax"});
  const TensorType& dy = in.floating(0, 4, kImage);
  TensorType dx = attribute_type(in.op(), "input_shape", dy.dtype, op.input_shape, kImage);
  check_argmax_range(in.op(), dx.shape);
  const Shape y = pool_output(in.op(), op, dx.shape);
  in.shaped(0, y);
  in.exactly(1, {DType::kInt32, y});
  return {std::move(dx)};
}

Types infer(const AveragePool2D& op, TypeSpan types) {
  const Inputs in("AveragePool2D", types, {"x"});
  const TensorType& x = in.floating(0, 4, kImage);
  return {{x.dtype, pool_output(in.op(), op, x.shape)}};
}

Types infer(const AveragePool2DGrad& op, TypeSpan types) {
  const Inputs in("AveragePool2DGrad", types, {"dy"});
  const TensorType& dy = in.floating(0, 4, kImage);
  TensorType dx = attribute_type(in.op(), "input_shape", dy.dtype, op.input_shape, kImage);
  in.shaped(0, pool_output(in.op(), op, dx.shape));
  return {std::move(dx)};
}

Types infer(const Upsample2D& op, TypeSpan types) {
  const Inputs in("Upsample2D", types, {"x"});
  const TensorType& x = in.floating(0, 4, kImage);
  check_pair(in.op(), "factors", op.factors);
  constexpr std::int64_t kMaxExtent = std::numeric_limits<std::int32_t>::max();  // a product with a factor cannot overflow
  if (x.shape[1] > kMaxExtent || x.shape[2] > kMaxExtent)
    fail(in.op(), "x is too large. Expected extents below 2^31. Got {}.", to_string(x));
  return {{x.dtype, {x.shape[0], x.shape[1] * op.factors[0], x.shape[2] * op.factors[1], x.shape[3]}}};
}

Types infer(const Upsample2DGrad& op, TypeSpan types) {
  const Inputs in("Upsample2DGrad", types, {"dy"});
  const TensorType& dy = in.floating(0, 4, kImage);
  check_pair(in.op(), "factors", op.factors);
  if (dy.shape[1] % op.factors[0] != 0 || dy.shape[2] % op.factors[1] != 0)
    fail(in.op(), "dy is not made of whole blocks. Expected height and width divisible by {} and {}. Got {}.", op.factors[0],
         op.factors[1], to_string(dy));
  return {{dy.dtype, {dy.shape[0], dy.shape[1] / op.factors[0], dy.shape[2] / op.factors[1], dy.shape[3]}}};
}

}  // namespace tutti::shape_rules
