#include "tutti/engines/native/native.h"

#include <type_traits>

#include "tutti/engines/native/fuse.h"
#include "tutti/engines/native/isa/instruction_set.h"
#include "tutti/engines/native/kernels.h"

namespace tutti {
namespace native {
namespace {

// True for the ops that only move, make or convert elements, of whatever type, and the step counter.
template <class T>
constexpr bool takes_any_type = std::is_same_v<T, Cast> || std::is_same_v<T, Fill> || std::is_same_v<T, Pad> ||
                                std::is_same_v<T, Slice> || std::is_same_v<T, Concat> || std::is_same_v<T, Upsample2D> ||
                                std::is_same_v<T, Reshape> || std::is_same_v<T, Transpose> || std::is_same_v<T, Increment>;

class NativeEngine final : public Engine {
 public:
  std::string_view name() const override { return "native"; }

  Prepared prepare(const OpCall& call) override {
    return std::visit(
        [&]<class AnyOp>(const AnyOp& op) {
          if constexpr (!takes_any_type<AnyOp>)
            if (call.inputs.front().dtype != DType::kFloat32) return refuse("native computes in float32 only");
          return prepare_op(call, op);
        },
        call.op);
  }

  std::unique_ptr<Program> compile(const Graph& graph, Program* sharing) override {
    return compile_fused(*this, graph, sharing, find_fusions(graph));
  }
};

}  // namespace
}  // namespace native

std::shared_ptr<Engine> make_native_engine() {
  native::limit_instruction_set();
  return std::make_shared<native::NativeEngine>();
}

}  // namespace tutti
