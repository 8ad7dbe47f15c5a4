#include "tutti/engines/native/fused_conv.h"

#include "tutti/engines/native/isa/winograd.h"
#include "tutti/engines/native/winograd.h"
#include "tutti/tensor/tensor.h"

namespace tutti::native {
namespace {

template <class Run>
std::unique_ptr<Kernel> kernel_of(std::string_view algorithm, Run run) {
  return std::move(ready(algorithm, std::move(run)).kernel);
}

float scale_of(const Dropout& dropout) { return static_cast<float>(1 / (1 - dropout.rate)); }

// dy (o_h, o_w, c) of one image; rows and columns that no window covers are zero.
void unpool_image(const float* pooled, const std::uint8_t* codes, const Shape& pooled_shape, const Shape& shape, float scale,
                  float* dy) {
  const std::int64_t p_h = pooled_shape[1], p_w = pooled_shape[2], c = shape[3], row = shape[2] * c;
  for (std::int64_t i = 0; i < p_h; ++i) {
    float *top = dy + 2 * i * row, *bottom = top + row;
    winograd_isa().unpool(pooled + i * p_w * c, codes + i * p_w * c, p_w, c, scale, top, bottom);
    std::fill(top + 2 * p_w * c, top + row, 0.0f);
    std::fill(bottom + 2 * p_w * c, bottom + row, 0.0f);
  }
  std::fill(dy + 2 * p_h * row, dy + shape[1] * row, 0.0f);
}

WinogradPooledGrad pooled_grad(const UnpooledGrad& unpooled, const ConstView& dy) {
  return {.h = unpooled.pooled[1],
          .w = unpooled.pooled[2],
          .scale = unpooled.scale,
          .dy = dy.as<float>(),
          .code = unpooled.codes->data<std::uint8_t>().data()};
}

}  // namespace

std::unique_ptr<Kernel> make_conv_pool(const OpCall& conv, const Conv2D& op, const ConvPooling& pooling) {
  WinogradShape shape = winograd_shape(op, conv.inputs[0].shape, conv.outputs[0].shape);
  shape.o_h = shape.o_h / 2 * 2;
  shape.o_w = shape.o_w / 2 * 2;
  const bool drops = pooling.dropout != nullptr;
  const Dropout dropout = drops ? *pooling.dropout : Dropout{};
  const std::int64_t pooled = shape.n * shape.o_h * shape.o_w * shape.c_out / 4;
  return kernel_of(kWinograd4, [winograd = WinogradConv(shape, conv.is_constant(1)), codes = pooling.codes, drops, dropout,
                                pooled, has_bias = conv.inputs.size() > 2](Inputs in, Outputs out, bool changed) mutable {
    std::uint8_t* code = codes ? codes->data<std::uint8_t>().data() : nullptr;
    if (drops) draw_mask(dropout, *in.back().as<std::int64_t>(), pooled, code);
    winograd.set_kernel(in[1].as<float>(), false, changed);
    winograd.run_pooled(in[0].as<float>(), out[0].as<float>(),
                        {.bias = has_bias ? in[2].as<float>() : nullptr,
                         .code = code,
                         .drops = drops,
                         .scale = drops ? scale_of(dropout) : 1.0f});
  });
}

std::unique_ptr<Kernel> make_unpool(const Shape& pooled, const Shape& dy, float scale, PoolCodes codes) {
  return kernel_of("", [pooled, dy, scale, codes](Inputs in, Outputs out) {
    const std::int64_t small = pooled.elements() / pooled[0], large = dy.elements() / dy[0];
    parallel_for(0, pooled[0], ceil_div(kStreamGrain, large), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t image = begin; image < end; ++image)
        unpool_image(in[0].as<float>() + image * small, codes->data<std::uint8_t>().data() + image * small, pooled, dy, scale,
                     out[0].as<float>() + image * large);
    });
  });
}

bool takes_unpooled(const Conv2DInputGrad& op) { return (op.padding.top - op.padding.left) % 2 == 0; }

std::unique_ptr<Kernel> make_input_grad(const OpCall& call, const Conv2DInputGrad& op, bool gated,
                                        const std::optional<UnpooledGrad>& unpooled) {
  const WinogradShape shape = winograd_input_grad_shape(op, call.outputs[0].shape, call.inputs[0].shape);
  return kernel_of(kWinograd4, [winograd = WinogradConv(shape, call.is_constant(1)), gated, unpooled](Inputs in, Outputs out,
                                                                                                      bool changed) mutable {
    winograd.set_kernel(in[1].as<float>(), true, changed);
    const WinogradEpilogue epilogue{.gate = gated ? in[2].as<float>() : nullptr};
    if (unpooled)
      winograd.run(pooled_grad(*unpooled, in[0]), out[0].as<float>(), epilogue);
    else
      winograd.run(in[0].as<float>(), out[0].as<float>(), epilogue);
  });
}

std::unique_ptr<Kernel> make_kernel_and_bias_grad(const OpCall& call, const Conv2DKernelGrad& op,
                                                  const std::optional<UnpooledGrad>& unpooled) {
  WinogradShape shape = winograd_shape(op, call.inputs[0].shape, call.inputs[1].shape);
  if (unpooled) {  // the rest of dy is zero
    shape.o_h = 2 * unpooled->pooled[1];
    shape.o_w = 2 * unpooled->pooled[2];
  }
  return kernel_of(kWinograd4, [winograd = WinogradKernelGrad(shape), unpooled](Inputs in, Outputs out) mutable {
    float* dbias = out.size() > 1 ? out[1].as<float>() : nullptr;
    if (unpooled)
      winograd.run(in[0].as<float>(), pooled_grad(*unpooled, in[1]), out[0].as<float>(), dbias);
    else
      winograd.run(in[0].as<float>(), in[1].as<float>(), out[0].as<float>(), dbias);
  });
}

}  // namespace tutti::native
