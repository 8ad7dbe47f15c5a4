// Kernels for a convolution together with what stands around it in a network. Float32 only.
#pragma once

#include <memory>
#include <optional>

#include "tutti/engines/native/kernels.h"

namespace tutti::native {

// conv.cpp: relu(conv(x) + bias).   in: x, kernel, [bias]   out: y.   A refusal where the convolution has no such epilogue.
Prepared prepare_conv_relu(const OpCall& call, const Conv2D& op);

// folded_norm.cpp: y = conv(x) + bias, normalised with given statistics, and relu if wanted. All inputs but x are constant.
// in: x, kernel, gamma, beta, mean, variance, [bias]   out: y.   A refusal where prepare_conv_relu() refuses.
Prepared prepare_folded_conv(const OpCall& conv, const Conv2D& op, double epsilon, bool relu);

// What the pooling of the forward pass leaves for its gradient: a byte for each pooled value, see isa/winograd.h.
using PoolCodes = std::shared_ptr<Tensor>;

struct ConvPooling {
  const Dropout* dropout = nullptr;  // null: none
  PoolCodes codes;                   // null: no gradient and no dropout
};
// dropout(max_pool(relu(conv(x) + bias))), windows of 2 x 2 at stride 2; by Winograd's algorithm.
// in: x, kernel, [bias], [step if dropout]   out: y
std::unique_ptr<Kernel> make_conv_pool(const OpCall& conv, const Conv2D& op, const ConvPooling& pooling);
// Its gradient up to the sum before relu.   in: dy of the pooled values   out: dy of the convolution (n, o_h, o_w, c_out)
std::unique_ptr<Kernel> make_unpool(const Shape& pooled, const Shape& dy, float scale, PoolCodes codes);

// What make_unpool() would compute, for the two kernels below: they read the pooled gradient instead of dy.
struct UnpooledGrad {
  Shape pooled;  // (n, o_h / 2, o_w / 2, c_out)
  float scale;
  PoolCodes codes;
};
// True if make_input_grad() can.
bool takes_unpooled(const Conv2DInputGrad& op);

// in: dy, kernel, [y of a relu if gated]   out: dx, where y > 0, else 0. By Winograd's algorithm.
std::unique_ptr<Kernel> make_input_grad(const OpCall& call, const Conv2DInputGrad& op, bool gated,
                                        const std::optional<UnpooledGrad>& unpooled);
// The gradients of kernel and bias.   in: x, dy   out: dkernel, [dbias]. By Winograd's algorithm.
std::unique_ptr<Kernel> make_kernel_and_bias_grad(const OpCall& call, const Conv2DKernelGrad& op,
                                                  const std::optional<UnpooledGrad>& unpooled);
// conv_kernel_grad.cpp: the same as a direct sum, of convolutions that are no matrix product and not depthwise.
std::unique_ptr<Kernel> make_direct_kernel_and_bias_grad(const OpCall& call, const Conv2DKernelGrad& op);

// dropout.cpp: the first `count` elements of the mask of a step.
void draw_mask(const Dropout& op, std::int64_t step, std::int64_t count, std::uint8_t* mask);

}  // namespace tutti::native
