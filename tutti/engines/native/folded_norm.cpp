// Inference: a normalisation with constant statistics is a scale and an offset a channel, which a convolution before it takes
// in.
#include <cmath>

#include "tutti/engines/native/fused_conv.h"
#include "tutti/tensor/tensor.h"

namespace tutti::native {
namespace {

// A convolution's kernel (..., c_out) and bias (c_out) with the normalisation in them.
struct Folded {
  Tensor kernel, bias;

  // in: as prepare_folded_conv() says
  void make(Inputs in, double epsilon) {
    const float *weights = in[1].as<float>(), *gamma = in[2].as<float>(), *beta = in[3].as<float>();
    const float *mean = in[4].as<float>(), *variance = in[5].as<float>();
    const std::int64_t channels = bias.elements();
    std::vector<double> scale(static_cast<std::size_t>(channels));
    for (std::int64_t j = 0; j < channels; ++j) {
      scale[static_cast<std::size_t>(j)] = gamma[j] / std::sqrt(static_cast<double>(variance[j]) + epsilon);
      const double offset = in.size() > 6 ? static_cast<double>(in[6].as<float>()[j]) : 0.0;
      bias.data<float>()[static_cast<std::size_t>(j)] =
          static_cast<float>((offset - mean[j]) * scale[static_cast<std::size_t>(j)] + beta[j]);
    }
    float* target = kernel.data<float>().data();
    for (std::int64_t row = 0; row < kernel.elements(); row += channels)
      for (std::int64_t j = 0; j < channels; ++j)
        target[row + j] = static_cast<float>(weights[row + j] * scale[static_cast<std::size_t>(j)]);
  }
};

}  // namespace

Prepared prepare_folded_conv(const OpCall& conv, const Conv2D& op, double epsilon, bool relu) {
  const TensorType &x = conv.inputs[0], &kernel = conv.inputs[1];
  const TensorType bias{DType::kFloat32, {kernel.shape[-1]}};
  const OpCall call{op, {x, kernel, bias}, conv.outputs, {false, true, true}};
  Prepared inner = relu ? prepare_conv_relu(call, op) : prepare_op(call, op);
  if (!inner.kernel) return inner;
  const std::string_view algorithm = inner.kernel->algorithm();
  return ready(algorithm, [epsilon, folded = Folded{Tensor(kernel), Tensor(bias)}, kernel_of_conv = std::move(inner.kernel)](
                              Inputs in, Outputs out, bool changed) mutable {
    if (changed) {
      folded.make(in, epsilon);
      kernel_of_conv->refresh();
    }
    const std::array inputs{in[0], ConstView(folded.kernel.view()), ConstView(folded.bias.view())};
    kernel_of_conv->run(inputs, out);
  });
}

}  // namespace tutti::native
