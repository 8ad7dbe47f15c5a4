#include "tutti/engines/native/native.h"

#include "tutti/engines/native/kernels.h"

namespace tutti {
namespace native {
namespace {

class NativeEngine final : public Engine {
 public:
  std::string_view name() const override { return "native"; }

  Prepared prepare(const OpCall& call) override {
    for (const auto* types : {&call.inputs, &call.outputs})
      for (const TensorType& type : *types)
        if (type.dtype == DType::kFloat64) return refuse("native computes in float32 only");
    return std::visit([&](const auto& op) { return prepare_op(call, op); }, call.op);
  }
};

}  // namespace
}  // namespace native

std::shared_ptr<Engine> make_native_engine() { return std::make_shared<native::NativeEngine>(); }

}  // namespace tutti
