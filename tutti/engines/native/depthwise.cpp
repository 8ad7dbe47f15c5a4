// Depthwise convolution, one output channel for each input channel: no sum over channels, so no matrix product; vectors of
// channels straight over the image.
#include "tutti/engines/native/isa/pixels.h"
#include "tutti/engines/native/kernels.h"
#include "tutti/engines/native/window_pass.h"

namespace tutti::native {
namespace {

// The kernel's slices (cells, channels) in the order of pass.cells.
void order_weights(const WindowPass& pass, const float* kernel, float* weights) {
  for (std::size_t i = 0; i < pass.cells.size(); ++i)
    std::copy_n(kernel + pass.cells[i].kernel_index * pass.groups, pass.groups,
                weights + static_cast<std::int64_t>(i) * pass.groups);
}

// The run of one output row, over the taps that it has inside the image, but for the pointers. `seen` is pass.source() from row
// `first` on.
DepthwiseRun run_of(const WindowPass& pass, const TapRange& inside, const float* seen, std::int64_t row, std::int64_t first) {
  return {.x = seen + (row - first) * pass.step_h * pass.pitch * pass.src_c,
          .x_step = pass.step_w * pass.src_c,
          .taps = pass.taps.data() + inside.first,
          .tap_count = inside.last - inside.first,
          .y_step = pass.dst_column,
          .pixels = pass.columns,
          .channels = pass.groups};
}

void run_pass(const WindowPass& pass, const float* src, const float* weights, const float* bias, float* dst) {
  const std::int64_t block = rows_per_block(pass, num_threads()), blocks = ceil_div(pass.rows, block);
  parallel_for(0, pass.images * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t image = item / blocks;
      const auto [first, last] = share(pass.rows, item % blocks, blocks);
      const float* seen = pass.source(src + image * pass.src_h * pass.src_w * pass.src_c, first, last - first);
      for (std::int64_t row = first; row < last; ++row) {
        const TapRange inside = pass.taps_inside(row);
        DepthwiseRun run = run_of(pass, inside, seen, row, first);
        run.weights = weights + inside.first * pass.groups;
        run.bias = bias;
        run.y = dst + image * pass.dst_image + pass.dst_offset + row * pass.dst_row;
        pixels_isa().depthwise(run);
      }
    }
  });
}

// Images' parts of the sum, added in order at the end.
constexpr std::int64_t kParts = 16;

}  // namespace

bool is_depthwise(const ConvAttributes& attributes, const Shape& kernel) {
  return attributes.groups > 1 && kernel[2] == 1 && kernel[3] == attributes.groups;
}

Prepared prepare_depthwise(const OpCall& call, const Conv2D& op) {
  WindowPass pass = conv_pass(op, call.inputs[0].shape, call.inputs[1].shape, call.outputs[0].shape);
  return ready(kDepthwise, [pass](Inputs in, Outputs out) {
    // A convolution's cells are in the kernel's own order.
    run_pass(pass, in[0].as<float>(), in[1].as<float>(), in.size() > 2 ? in[2].as<float>() : nullptr, out[0].as<float>());
  });
}

Prepared prepare_depthwise(const OpCall& call, const Conv2DInputGrad& op) {
  std::vector<WindowPass> passes = input_grad_passes(op, call.outputs[0].shape, call.inputs[1].shape, call.inputs[0].shape);
  Tensor weights(Shape{call.inputs[1].shape.elements()});
  return ready(kDepthwise, [passes, weights](Inputs in, Outputs out) mutable {
    for (const WindowPass& pass : passes) {
      order_weights(pass, in[1].as<float>(), weights.data<float>().data());
      run_pass(pass, in[0].as<float>(), weights.data<float>().data(), nullptr, out[0].as<float>());
    }
  });
}

Prepared prepare_depthwise(const OpCall& call, const Conv2DKernelGrad& op) {
  WindowPass pass = conv_pass(op, call.inputs[0].shape, call.outputs[0].shape, call.inputs[1].shape);
  const std::int64_t size = call.outputs[0].shape.elements(), parts = std::min(kParts, pass.images);
  Tensor partials(Shape{parts, size});
  return ready(kDepthwise, [pass, size, parts, partials](Inputs in, Outputs out) mutable {
    float* sums = partials.data<float>().data();
    parallel_for(0, parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t part = begin; part < end; ++part) {
        std::fill_n(sums + part * size, size, 0.0f);
        const auto [image0, image1] = share(pass.images, part, parts);
        for (std::int64_t image = image0; image < image1; ++image) {
          for (std::int64_t row = 0; row < pass.rows; ++row) {
            const float* seen = pass.source(in[0].as<float>() + image * pass.src_h * pass.src_w * pass.src_c, row, 1);
            const TapRange inside = pass.taps_inside(row);
            const float* dy = in[1].as<float>() + image * pass.dst_image + row * pass.dst_row;
            pixels_isa().depthwise_grad(run_of(pass, inside, seen, row, row), dy,
                                        sums + part * size + inside.first * pass.groups);
          }
        }
      }
    });
    float* dkernel = out[0].as<float>();
    std::copy_n(sums, size, dkernel);
    for (std::int64_t part = 1; part < parts; ++part)
      for (std::int64_t i = 0; i < size; ++i) dkernel[i] += sums[part * size + i];
  });
}

}  // namespace tutti::native
