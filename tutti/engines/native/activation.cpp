#include "tutti/engines/native/isa/activation.h"

#include "tutti/engines/native/kernels.h"

namespace tutti::native {

Prepared prepare_op(const OpCall& call, const Activation& op) {
  const MapFunction function = activation_function(op.kind);
  const auto alpha = static_cast<float>(op.alpha);
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([=](Inputs in, Outputs out) {
    const float* x = in[0].as<float>();
    float* y = out[0].as<float>();
    stream(count, [&](std::int64_t begin, std::int64_t end) { function(x + begin, y + begin, end - begin, alpha); });
  });
}

Prepared prepare_op(const OpCall& call, const ActivationGrad& op) {
  const MapGradFunction function = activation_grad_function(op.kind);
  const auto alpha = static_cast<float>(op.alpha);
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([=](Inputs in, Outputs out) {
    const float *dy = in[0].as<float>(), *saved = in[1].as<float>();
    float* dx = out[0].as<float>();
    stream(count,
           [&](std::int64_t begin, std::int64_t end) { function(dy + begin, saved + begin, dx + begin, end - begin, alpha); });
  });
}

}  // namespace tutti::native
