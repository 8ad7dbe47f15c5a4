// Conv2D and the gradient of its input: packed weights, then register tiles straight over the image rows, without im2col. The
// 1 x 1 convolution is a matrix product.
#include "tutti/engines/native/fused_conv.h"
#include "tutti/engines/native/gemm.h"
#include "tutti/engines/native/kernels.h"
#include "tutti/engines/native/tune.h"
#include "tutti/engines/native/window_pass.h"
#include "tutti/engines/native/winograd.h"

namespace tutti::native {
namespace {

// Panels of the kernel, [group][panel][cell, channel][panel width], in the order of pass.cells. Kernel (cells, c_in / groups,
// c_out); `transposed` for the gradient of the input, which sums over c_out.
void pack_kernel(const WindowPass& pass, const float* kernel, bool transposed, float* packed) {
  const std::int64_t width = gemm_isa().panel_width(), panels = ceil_div(pass.group_out, width);
  const std::int64_t cell_in = transposed ? pass.group_out : pass.group_in;  // the kernel's rows of one cell
  const std::int64_t kernel_out = pass.groups * (transposed ? pass.group_in : pass.group_out);
  parallel_for(
      0, pass.groups * panels, ceil_div(kStreamGrain, pass.depth() * width + 1), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t item = begin; item < end; ++item) {
          const std::int64_t group = item / panels, column = item % panels * width;
          const std::int64_t columns = std::min(width, pass.group_out - column);
          float* panel = packed + item * pass.depth() * width;
          for (const WindowCell& cell : pass.cells) {
            const float* source = kernel + cell.kernel_index * cell_in * kernel_out +
                                  (transposed ? group * pass.group_in + column * kernel_out : group * pass.group_out + column);
            pack_panel(source, kernel_out, transposed, pass.group_in, columns, panel, width);
            panel += pass.group_in * width;
          }
        }
      });
}

// What a pass multiplies with, and what it does to the sums.
struct Weights {
  const float* packed;  // by pack_kernel()
  const float* bias;    // by pad_bias(), or null
  bool relu = false;
};

// Output rows [row, row + count) of one image; `src` is pass.source() of them, `dst` the image's first position.
void sweep(const WindowPass& pass, const float* src, const Weights& weights, float* dst, std::int64_t row, std::int64_t count) {
  const GemmIsa& isa = gemm_isa();
  const std::int64_t width = isa.panel_width(), panels = ceil_div(pass.group_out, width);
  const std::int64_t tiles = ceil_div(pass.columns, isa.max_rows);
  for (std::int64_t item = 0; item < pass.groups * panels; ++item) {
    const std::int64_t group = item / panels, column = item % panels * width;
    const std::int64_t columns = std::min(width, pass.group_out - column);
    const auto vectors = ceil_div(columns, isa.lanes) - 1;
    DotTile tile{.a_row_stride = pass.step_w * pass.src_c,
                 .b_row_stride = width,
                 .bias = weights.bias ? weights.bias + item * width : nullptr,
                 .accumulate = false,
                 .c_row_stride = pass.dst_column,
                 .columns = columns,
                 .relu = weights.relu};
    const std::int64_t dst_channel = group * pass.group_out + column;
    for (std::int64_t i = 0; i < count; ++i) {
      const TapRange inside = pass.taps_inside(row + i);
      tile.taps = pass.taps.data() + inside.first;
      tile.tap_count = inside.last - inside.first;
      tile.b = weights.packed + (item * pass.depth() + inside.depth) * width;
      const float* line = src + i * pass.step_h * pass.pitch * pass.src_c + group * pass.group_in;
      float* dst_line = dst + (row + i) * pass.dst_row + dst_channel;
      for (std::int64_t t = 0; t < tiles; ++t) {
        const auto [first, last] = share(pass.columns, t, tiles);
        tile.a = line + first * pass.step_w * pass.src_c;
        tile.c = dst_line + first * pass.dst_column;
        isa.dot[vectors][last - first - 1](tile);
      }
    }
  }
}

void run_pass(const WindowPass& pass, const float* src, const Weights& weights, float* dst) {
  const std::int64_t block = rows_per_block(pass, num_threads()), blocks = ceil_div(pass.rows, block);
  const std::int64_t src_image = pass.src_h * pass.src_w * pass.src_c;
  parallel_for(0, pass.images * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t image = item / blocks;
      const auto [row, last] = share(pass.rows, item % blocks, blocks);
      const float* seen = pass.source(src + image * src_image, row, last - row);
      sweep(pass, seen, weights, dst + image * pass.dst_image + pass.dst_offset, row, last - row);
    }
  });
}

std::int64_t packed_floats(const WindowPass& pass) {
  const std::int64_t width = gemm_isa().panel_width();
  return pass.groups * ceil_div(pass.group_out, width) * width * pass.depth();
}

// Bias in whole panels, so that tiles may load whole vectors.
void pad_bias(const WindowPass& pass, const float* bias, float* padded) {
  const std::int64_t width = gemm_isa().panel_width(), panels = ceil_div(pass.group_out, width);
  for (std::int64_t group = 0; group < pass.groups; ++group)
    std::copy_n(bias + group * pass.group_out, pass.group_out, padded + group * panels * width);
}

// A convolution that is no matrix product and not depthwise.
Prepared prepare_window(const OpCall& call, const Conv2D& op, ConvAlgorithm algorithm, bool relu) {
  const Shape &x = call.inputs[0].shape, &kernel = call.inputs[1].shape, &y = call.outputs[0].shape;
  if (algorithm == ConvAlgorithm::kWinograd4x4) {
    WinogradConv winograd(winograd_shape(op, x, y), call.is_constant(1));
    return ready(kWinograd4, [winograd, relu](Inputs in, Outputs out, bool changed) mutable {
      winograd.set_kernel(in[1].as<float>(), false, changed);
      winograd.run(in[0].as<float>(), out[0].as<float>(), {.bias = in.size() > 2 ? in[2].as<float>() : nullptr, .relu = relu});
    });
  }
  WindowPass pass = conv_pass(op, x, kernel, y);
  PreparedWeights packed(packed_floats(pass), call.is_constant(1));
  Tensor bias(Shape{call.inputs.size() > 2 ? packed_floats(pass) / pass.depth() : 0});
  return ready(kDirect, [pass, packed, bias, relu](Inputs in, Outputs out, bool changed) mutable {
    const float* weights = packed.get(changed, [&](float* target) { pack_kernel(pass, in[1].as<float>(), false, target); });
    if (in.size() > 2) pad_bias(pass, in[2].as<float>(), bias.data<float>().data());
    run_pass(pass, in[0].as<float>(), {weights, in.size() > 2 ? bias.data<float>().data() : nullptr, relu}, out[0].as<float>());
  });
}

}  // namespace

bool is_pointwise(const ConvAttributes& attributes, const Shape& kernel) {
  return kernel[0] == 1 && kernel[1] == 1 && attributes.strides == std::array{1, 1} && attributes.padding == Padding2D{} &&
         attributes.groups == 1;
}

Prepared prepare_op(const OpCall& call, const Conv2D& op) {
  const Shape &x = call.inputs[0].shape, &kernel = call.inputs[1].shape, &y = call.outputs[0].shape;
  if (is_pointwise(op, kernel)) {
    GemmCall product{.m = rows_of(y), .n = y[3], .k = x[3], .lda = x[3], .ldb = y[3], .ldc = y[3]};
    return ready(kMatrixProduct, [product](Inputs in, Outputs out) mutable {
      product.a = in[0].as<float>(), product.b = in[1].as<float>(), product.c = out[0].as<float>();
      product.bias = in.size() > 2 ? in[2].as<float>() : nullptr;
      gemm(product);
    });
  }
  if (is_depthwise(op, kernel)) return prepare_depthwise(call, op);
  return prepare_conv(call, op, choose_conv(call));
}

Prepared prepare_conv(const OpCall& call, const Conv2D& op, ConvAlgorithm algorithm) {
  return prepare_window(call, op, algorithm, false);
}

Prepared prepare_conv_relu(const OpCall& call, const Conv2D& op) {
  const Shape& kernel = call.inputs[1].shape;
  if (is_pointwise(op, kernel) || is_depthwise(op, kernel)) return refuse("a matrix product and depthwise have no relu");
  return prepare_window(call, op, choose_conv(call), true);
}

Prepared prepare_op(const OpCall& call, const Conv2DInputGrad& op) {
  const Shape &dy = call.inputs[0].shape, &kernel = call.inputs[1].shape, &dx = call.outputs[0].shape;
  if (is_pointwise(op, kernel)) {
    GemmCall product{.m = rows_of(dx), .n = dx[3], .k = dy[3], .lda = dy[3], .ldb = dy[3], .transpose_b = true, .ldc = dx[3]};
    return ready(kMatrixProduct, [product](Inputs in, Outputs out) mutable {
      product.a = in[0].as<float>(), product.b = in[1].as<float>(), product.c = out[0].as<float>();
      gemm(product);
    });
  }
  if (is_depthwise(op, kernel)) return prepare_depthwise(call, op);
  return prepare_conv(call, op, choose_conv(call));
}

Prepared prepare_conv(const OpCall& call, const Conv2DInputGrad& op, ConvAlgorithm algorithm) {
  const Shape &dy = call.inputs[0].shape, &kernel = call.inputs[1].shape, &dx = call.outputs[0].shape;
  if (algorithm == ConvAlgorithm::kWinograd4x4) {
    WinogradConv winograd(winograd_input_grad_shape(op, dx, dy), call.is_constant(1));
    return ready(kWinograd4, [winograd](Inputs in, Outputs out, bool changed) mutable {
      winograd.set_kernel(in[1].as<float>(), true, changed);
      winograd.run(in[0].as<float>(), out[0].as<float>(), {});
    });
  }
  struct Phase {
    WindowPass pass;
    PreparedWeights packed;
  };
  std::vector<Phase> phases;
  for (WindowPass& pass : input_grad_passes(op, dx, kernel, dy)) {
    PreparedWeights packed(packed_floats(pass), call.is_constant(1));
    phases.push_back({std::move(pass), std::move(packed)});
  }
  return ready(kDirect, [phases](Inputs in, Outputs out, bool changed) mutable {
    for (Phase& phase : phases) {
      const float* weights =
          phase.packed.get(changed, [&](float* target) { pack_kernel(phase.pass, in[1].as<float>(), true, target); });
      run_pass(phase.pass, in[0].as<float>(), {weights, nullptr}, out[0].as<float>());
    }
  });
}

}  // namespace tutti::native
