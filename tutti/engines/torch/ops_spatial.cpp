// Convolution, pooling, upsampling.
#include <algorithm>
#include <array>
#include <limits>

#include <ATen/ATen.h>

#include "tutti/engines/torch/ops.h"

namespace tutti {
namespace {

using Pair = std::array<std::int64_t, 2>;

Pair pair_of(const std::array<int, 2>& values) { return {values[0], values[1]}; }

at::Tensor to_nchw(const at::Tensor& x) { return x.permute({0, 3, 1, 2}); }
at::Tensor to_nhwc(const at::Tensor& x) { return x.permute({0, 2, 3, 1}); }
// (k_h, k_w, c_in, c_out) to (c_out, c_in, k_h, k_w) and back.
at::Tensor to_oihw(const at::Tensor& kernel) { return kernel.permute({3, 2, 0, 1}); }
at::Tensor to_hwio(const at::Tensor& kernel) { return kernel.permute({2, 3, 1, 0}); }

bool symmetric(const Padding2D& padding) { return padding.top == padding.bottom && padding.left == padding.right; }

// x (n, h, w, c) with `value` around.
at::Tensor pad_image(const at::Tensor& x, const Padding2D& padding, double value) {
  return at::constant_pad_nd(x, {0, 0, padding.left, padding.right, padding.top, padding.bottom}, value);
}

Shape padded_shape(const Shape& shape, const Padding2D& padding) {
  return {shape[0], shape[1] + padding.top + padding.bottom, shape[2] + padding.left + padding.right, shape[3]};
}

// Takes the padding off again: a view of shape `shape`.
at::Tensor crop_image(const at::Tensor& x, const Padding2D& padding, const Shape& shape) {
  return x.narrow(1, padding.top, shape[1]).narrow(2, padding.left, shape[2]);
}

// ATen pads both sides alike; other paddings are made beforehand.
struct ConvGeometry {
  explicit ConvGeometry(const ConvAttributes& op)
      : strides(pair_of(op.strides)), dilations(pair_of(op.dilations)), explicit_padding(!symmetric(op.padding)) {
    if (!explicit_padding) padding = {op.padding.top, op.padding.left};
  }
  Pair strides, dilations, padding{0, 0};
  bool explicit_padding;
};

// One gradient of a convolution; x and kernel may be empty tensors of the right shape where the other gradient is asked for.
at::Tensor conv_gradient(const ConvAttributes& op, const at::Tensor& x, const at::Tensor& kernel, const at::Tensor& dy,
                         bool of_input) {
  const ConvGeometry geometry(op);
  auto [dx, dkernel, dbias] = at::convolution_backward(
      to_nchw(dy), to_nchw(x), to_oihw(kernel), at::OptionalIntArrayRef(), geometry.strides, geometry.padding,
      geometry.dilations, /*transposed=*/false, /*output_padding=*/Pair{0, 0}, op.groups, {of_input, !of_input, false});
  return of_input ? to_nhwc(dx) : to_hwio(dkernel).contiguous();
}

}  // namespace

at::Tensor evaluate(const Conv2D& op, const Arguments& in) {
  const ConvGeometry geometry(op);
  const at::Tensor x = geometry.explicit_padding ? pad_image(in[0], op.padding, 0.0) : in[0];
  const at::Tensor bias = in.size() > 2 ? in[2] : at::Tensor();
  return to_nhwc(at::convolution(to_nchw(x), to_oihw(in[1]), bias, geometry.strides, geometry.padding, geometry.dilations,
                                 /*transposed=*/false, /*output_padding=*/Pair{0, 0}, op.groups));
}

at::Tensor evaluate(const Conv2DInputGrad& op, const Arguments& in) {
  const bool explicit_padding = ConvGeometry(op).explicit_padding;
  const Shape shape = explicit_padding ? padded_shape(op.input_shape, op.padding) : op.input_shape;
  const at::Tensor x = at::empty(shape.extents(), in[0].options());
  const at::Tensor dx = conv_gradient(op, x, in[1], in[0], /*of_input=*/true);
  return explicit_padding ? crop_image(dx, op.padding, op.input_shape) : dx;
}

at::Tensor evaluate(const Conv2DKernelGrad& op, const Arguments& in) {
  const at::Tensor x = ConvGeometry(op).explicit_padding ? pad_image(in[0], op.padding, 0.0) : in[0];
  const at::Tensor kernel = at::empty(op.kernel_shape.extents(), x.options());
  return conv_gradient(op, x, kernel, in[1], /*of_input=*/false);
}

// --- Pooling. -----------------------------------------------------------------------------------------------------

namespace {

struct PoolGeometry {
  explicit PoolGeometry(const PoolAttributes& op)
      : window(pair_of(op.window)),
        strides(pair_of(op.strides)),
        // ATen's own rule: at most half the window.
        explicit_padding(!symmetric(op.padding) || 2 * op.padding.top > op.window[0] || 2 * op.padding.left > op.window[1]) {
    if (!explicit_padding) padding = {op.padding.top, op.padding.left};
  }
  Pair window, strides, padding{0, 0};
  bool explicit_padding;
};

// Positions row * width + column of one image as those of an image whose rows are `to_width` long and whose origin lies
// (rows, columns) further up and left.
at::Tensor move_positions(const at::Tensor& positions, std::int64_t width, std::int64_t to_width, std::int64_t rows,
                          std::int64_t columns) {
  const at::Tensor row = at::div(positions, width, "trunc");
  const at::Tensor column = positions - row * width;
  return (row + rows) * to_width + (column + columns);
}

// (1, o_h, o_w, 1): how many cells of each window lie inside an image of shape (n, h, w, c).
at::Tensor window_counts(const PoolAttributes& op, const Shape& shape, const at::TensorOptions& options) {
  const PoolGeometry geometry(op);
  const at::Tensor ones = pad_image(at::ones({1, shape[1], shape[2], 1}, options), op.padding, 0.0);
  return to_nhwc(at::avg_pool2d(to_nchw(ones), geometry.window, geometry.strides, Pair{0, 0}, /*ceil_mode=*/false,
                                /*count_include_pad=*/false, /*divisor_override=*/1));
}

}  // namespace

AtTensors evaluate(const MaxPool2D& op, const Arguments& in) {
  const PoolGeometry geometry(op);
  const at::Tensor x =
      geometry.explicit_padding ? pad_image(in[0], op.padding, -std::numeric_limits<double>::infinity()) : in[0];
  auto [y, positions] = at::max_pool2d_with_indices(to_nchw(x), geometry.window, geometry.strides, geometry.padding);
  if (geometry.explicit_padding)
    positions = move_positions(positions, x.size(2), in[0].size(2), -op.padding.top, -op.padding.left);
  return {to_nhwc(y), to_nhwc(positions).to(at::kInt)};
}

at::Tensor evaluate(const MaxPool2DGrad& op, const Arguments& in) {
  const PoolGeometry geometry(op);
  const Shape& shape = op.input_shape;
  const Shape padded = geometry.explicit_padding ? padded_shape(shape, op.padding) : shape;
  at::Tensor positions = in[1].to(at::kLong);
  if (geometry.explicit_padding) positions = move_positions(positions, shape[2], padded[2], op.padding.top, op.padding.left);
  const at::Tensor x = at::empty(padded.extents(), in[0].options());
  const at::Tensor dx = to_nhwc(at::max_pool2d_with_indices_backward(to_nchw(in[0]), to_nchw(x), geometry.window,
                                                                     geometry.strides, geometry.padding, /*dilation=*/{1, 1},
                                                                     /*ceil_mode=*/false, to_nchw(positions)));
  return geometry.explicit_padding ? crop_image(dx, op.padding, shape) : dx;
}

at::Tensor evaluate(const AveragePool2D& op, const Arguments& in) {
  const PoolGeometry geometry(op);
  if (!geometry.explicit_padding)
    return to_nhwc(at::avg_pool2d(to_nchw(in[0]), geometry.window, geometry.strides, geometry.padding, /*ceil_mode=*/false,
                                  /*count_include_pad=*/false));
  const at::Tensor x = pad_image(in[0], op.padding, 0.0);
  const at::Tensor sums = at::avg_pool2d(to_nchw(x), geometry.window, geometry.strides, geometry.padding, /*ceil_mode=*/false,
                                         /*count_include_pad=*/false, /*divisor_override=*/1);
  const auto sizes = in[0].sizes();
  return to_nhwc(sums).div_(window_counts(op, Shape({sizes[0], sizes[1], sizes[2], sizes[3]}), x.options()));
}

at::Tensor evaluate(const AveragePool2DGrad& op, const Arguments& in) {
  const PoolGeometry geometry(op);
  if (!geometry.explicit_padding) {
    const at::Tensor x = at::empty(op.input_shape.extents(), in[0].options());
    return to_nhwc(at::avg_pool2d_backward(to_nchw(in[0]), to_nchw(x), geometry.window, geometry.strides, geometry.padding,
                                           /*ceil_mode=*/false, /*count_include_pad=*/false, {}));
  }
  const at::Tensor x = at::empty(padded_shape(op.input_shape, op.padding).extents(), in[0].options());
  const at::Tensor dy = in[0] / window_counts(op, op.input_shape, x.options());
  const at::Tensor dx = at::avg_pool2d_backward(to_nchw(dy), to_nchw(x), geometry.window, geometry.strides, geometry.padding,
                                                /*ceil_mode=*/false, /*count_include_pad=*/false, /*divisor_override=*/1);
  return crop_image(to_nhwc(dx), op.padding, op.input_shape);
}

// --- Upsampling. --------------------------------------------------------------------------------------------------

at::Tensor evaluate(const Upsample2D& op, const Arguments& in) {
  const at::Tensor& x = in[0];
  const std::int64_t n = x.size(0), h = x.size(1), w = x.size(2), c = x.size(3);
  const auto [f_h, f_w] = pair_of(op.factors);
  return x.reshape({n, h, 1, w, 1, c}).expand({n, h, f_h, w, f_w, c}).reshape({n, h * f_h, w * f_w, c});
}

at::Tensor evaluate(const Upsample2DGrad& op, const Arguments& in) {
  const at::Tensor& dy = in[0];
  const auto [f_h, f_w] = pair_of(op.factors);
  return dy.reshape({dy.size(0), dy.size(1) / f_h, f_h, dy.size(2) / f_w, f_w, dy.size(3)}).sum({2, 4});
}

}  // namespace tutti
