// The gradient of a convolution's kernel: for each cell of the window the sum of outer products of input and output gradient,
// in register tiles over blocks of image rows that stay in cache. The images are cut into parts that threads share, and whose
// sums are added up at the end; there are as many on any number of threads, so that the order of summation is always the same.
#include "tutti/engines/native/fused_conv.h"
#include "tutti/engines/native/gemm.h"
#include "tutti/engines/native/isa/columns.h"
#include "tutti/engines/native/isa/elementwise.h"
#include "tutti/engines/native/kernels.h"
#include "tutti/engines/native/tune.h"
#include "tutti/engines/native/window_pass.h"
#include "tutti/engines/native/winograd.h"

namespace tutti::native {
namespace {

// Output rows [begin, end) of an image, with x and dy from the first of them on.
struct Block {
  std::int64_t begin, end;
  const float *x, *dy;
};

// Adds the block's products to dkernel (depth, groups * group_out), whose rows are those of pass.taps in order, or sets it if
// `first`.
void add_block(const WindowPass& pass, const Block& block, bool first, float* dkernel) {
  const GemmIsa& isa = gemm_isa();
  const std::int64_t width = isa.panel_width(), c_out = pass.groups * pass.group_out;
  OuterTile tile{.a_line_stride = pass.step_h * pass.pitch * pass.src_c,
                 .a_k_stride = pass.step_w * pass.src_c,
                 .b_line_stride = pass.columns * c_out,
                 .b_k_stride = c_out,
                 .length = pass.columns,
                 .accumulate = !first,
                 .c_row_stride = c_out};
  for (std::int64_t group = 0; group < pass.groups; ++group) {
    for (std::int64_t column = 0; column < pass.group_out; column += width) {
      tile.columns = std::min(width, pass.group_out - column);
      const auto vectors = ceil_div(tile.columns, isa.lanes) - 1;
      const std::int64_t channel = group * pass.group_out + column;
      std::int64_t row = 0;
      for (std::size_t i = 0; i < pass.taps.size(); ++i) {
        const Tap& tap = pass.taps[i];
        const auto [line0, line1] = pass.rows_inside(i, block.begin, block.end);
        tile.lines = line1 - line0;
        tile.b = block.dy + (line0 - block.begin) * tile.b_line_stride + channel;
        const float* x = block.x + (line0 - block.begin) * tile.a_line_stride + group * pass.group_in + tap.offset;
        const std::int64_t tiles = ceil_div(tap.length, isa.max_rows);
        for (std::int64_t t = 0; t < tiles; ++t) {
          const auto [k0, k1] = share(tap.length, t, tiles);
          tile.a = x + k0;
          tile.c = dkernel + (row + k0) * c_out + channel;
          isa.outer[vectors][k1 - k0 - 1](tile);
        }
        row += tap.length;
      }
    }
  }
}

// Output rows of a block: its rows of x and dy fill about an L1 cache (48 KiB), and there are at least four of them, so that
// loading and storing the tiles of dkernel stays a small part of the work.
std::int64_t block_rows(const WindowPass& pass) {
  constexpr std::int64_t kFloats = 12288;
  const std::int64_t line = pass.step_h * pass.pitch * pass.src_c + pass.columns * pass.groups * pass.group_out;
  return std::clamp<std::int64_t>(kFloats / std::max<std::int64_t>(1, line), std::min<std::int64_t>(4, pass.rows), pass.rows);
}

// Parts of the sum: enough for many threads where the kernel is small; few where adding up large ones would cost more than it
// gains.
std::int64_t parts_of(std::int64_t items, std::int64_t size) {
  constexpr std::int64_t kFewest = 4, kMost = 16, kFloats = 1 << 20;
  return std::min(items, std::clamp(kFloats / size, kFewest, kMost));
}

class KernelGrad {
 public:
  explicit KernelGrad(WindowPass pass) : pass_(std::move(pass)), block_(block_rows(pass_)) {
    blocks_ = ceil_div(pass_.rows, block_);
    size_ = pass_.depth() * pass_.groups * pass_.group_out;
    parts_ = parts_of(pass_.images * blocks_, size_);
  }

  void operator()(Inputs in, Outputs out) {
    const std::int64_t items = pass_.images * blocks_;
    float* dkernel = out[0].as<float>();
    partials_ = thread_scratch(Scratch::kPartials, (parts_ - 1) * size_);
    const bool sums_bias = out.size() > 1;
    const std::int64_t c_out = pass_.groups * pass_.group_out;
    bias_sums_.assign(static_cast<std::size_t>(sums_bias ? parts_ * c_out : 0), 0.0);
    const auto add = elementwise_isa().binary[static_cast<std::size_t>(BinaryKind::kAdd)];
    parallel_for(0, parts_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t part = begin; part < end; ++part)
        add_items(in, share(items, part, parts_), part == 0 ? dkernel : partial(part),
                  sums_bias ? bias_sums_.data() + part * c_out : nullptr);
    });
    parallel_for(0, parts_ > 1 ? size_ : 0, kStreamGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t part = 1; part < parts_; ++part)
        add(dkernel + begin, partial(part) + begin, dkernel + begin, end - begin);
    });
    for (std::int64_t j = 0; sums_bias && j < c_out; ++j) {
      double sum = 0;
      for (std::int64_t part = 0; part < parts_; ++part) sum += bias_sums_[static_cast<std::size_t>(part * c_out + j)];
      out[1].as<float>()[j] = static_cast<float>(sum);
    }
  }

 private:
  float* partial(std::int64_t part) { return partials_ + (part - 1) * size_; }

  // bias_sums: null, or c_out sums of dy to add to.
  void add_items(Inputs in, std::pair<std::int64_t, std::int64_t> items, float* dkernel, double* bias_sums) {
    const std::int64_t c_out = pass_.groups * pass_.group_out;
    const std::int64_t src_image = pass_.src_h * pass_.src_w * pass_.src_c;
    for (std::int64_t item = items.first; item < items.second; ++item) {
      const std::int64_t image = item / blocks_;
      const auto [row, last] = share(pass_.rows, item % blocks_, blocks_);
      const float* x = pass_.source(in[0].as<float>() + image * src_image, row, last - row);
      const float* dy = in[1].as<float>() + image * pass_.dst_image + row * pass_.dst_row;
      // Whole vectors of dy are read; near the end of the tensor they would reach beyond it.
      const std::int64_t floats = (last - row) * pass_.dst_row;
      const std::int64_t floats_after = (pass_.images - image) * pass_.dst_image - row * pass_.dst_row - floats;
      if (floats_after < gemm_isa().panel_width() && pass_.group_out % gemm_isa().lanes != 0) {
        float* copy = thread_scratch(Scratch::kRows, floats + gemm_isa().panel_width());
        std::copy_n(dy, floats, copy);
        dy = copy;
      }
      add_block(pass_, {row, last, x, dy}, item == items.first, dkernel);
      if (bias_sums) columns_isa().column_sums(Term::kValue, dy, floats / c_out, c_out, bias_sums);
    }
  }

  WindowPass pass_;
  std::int64_t block_, blocks_, size_, parts_;
  float* partials_ = nullptr;      // of parts 1 to parts_ - 1, during a run
  std::vector<double> bias_sums_;  // (parts, c_out)
};

}  // namespace

Prepared prepare_op(const OpCall& call, const Conv2DKernelGrad& op) {
  const Shape &x = call.inputs[0].shape, &dy = call.inputs[1].shape, &kernel = call.outputs[0].shape;
  if (is_pointwise(op, kernel)) {
    GemmCall product{.m = x[3], .n = dy[3], .k = rows_of(dy), .lda = x[3], .transpose_a = true, .ldb = dy[3], .ldc = dy[3]};
    return ready(kMatrixProduct, [product](Inputs in, Outputs out) mutable {
      product.a = in[0].as<float>(), product.b = in[1].as<float>(), product.c = out[0].as<float>();
      gemm(product);
    });
  }
  if (is_depthwise(op, kernel)) return prepare_depthwise(call, op);
  return prepare_conv(call, op, choose_conv(call));
}

Prepared prepare_conv(const OpCall& call, const Conv2DKernelGrad& op, ConvAlgorithm algorithm) {
  const Shape &x = call.inputs[0].shape, &dy = call.inputs[1].shape, &kernel = call.outputs[0].shape;
  if (algorithm == ConvAlgorithm::kWinograd4x4) {
    return ready(kWinograd4, [grad = WinogradKernelGrad(winograd_shape(op, x, dy))](Inputs in, Outputs out) mutable {
      grad.run(in[0].as<float>(), in[1].as<float>(), out[0].as<float>(), nullptr);
    });
  }
  return ready(kDirect, KernelGrad(conv_pass(op, x, kernel, dy)));
}

std::unique_ptr<Kernel> make_direct_kernel_and_bias_grad(const OpCall& call, const Conv2DKernelGrad& op) {
  return prepare_conv(call, op, ConvAlgorithm::kDirectSum).kernel;
}

}  // namespace tutti::native
