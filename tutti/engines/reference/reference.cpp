#include "tutti/engines/reference/reference.h"

#include <type_traits>

#include "tutti/base/error.h"
#include "tutti/engines/reference/kernels.h"

namespace tutti {
namespace {

using namespace op;

class ReferenceKernel final : public Kernel {
 public:
  explicit ReferenceKernel(const OpCall& call) : call_(call) {
    for (const TensorType& type : call_.inputs) in_.push_back({nullptr, type.dtype, &type.shape});
    for (const TensorType& type : call_.outputs) out_.push_back({nullptr, type.dtype, &type.shape});
  }
  ReferenceKernel(const ReferenceKernel&) = delete;
  ReferenceKernel& operator=(const ReferenceKernel&) = delete;

  void run(std::span<const ConstView> in, std::span<const View> out) override {
    // The call's types are final; a caller's view may still carry the shape from before a free reshape.
    for (std::size_t i = 0; i < in_.size(); ++i) in_[i].data = in[i].data;
    for (std::size_t i = 0; i < out_.size(); ++i) out_[i].data = out[i].data;
    std::visit([this](const auto& op) { reference::run(op, in_, out_); }, call_.op);
  }

 private:
  OpCall call_;
  std::vector<ConstView> in_;
  std::vector<View> out_;
};

class ReferenceEngine final : public Engine {
 public:
  std::string_view name() const override { return "reference"; }
  Prepared prepare(const OpCall& call) override { return prepare_reference(call); }
};

bool is_float(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat64; }

// True for the ops that only move, make or convert elements, of whatever type, and the step counter.
template <class T>
constexpr bool takes_any_type = std::is_same_v<T, Cast> || std::is_same_v<T, Fill> || std::is_same_v<T, Pad> ||
                                std::is_same_v<T, Slice> || std::is_same_v<T, Concat> || std::is_same_v<T, Upsample2D> ||
                                std::is_same_v<T, Reshape> || std::is_same_v<T, Transpose> || std::is_same_v<T, Increment>;

}  // namespace

Prepared prepare_reference(const OpCall& call) {
  const bool any_type = std::visit([](const auto& op) { return takes_any_type<std::decay_t<decltype(op)>>; }, call.op);
  if (!any_type && !is_float(call.inputs.front().dtype))
    return {nullptr, fmt::format("{} needs float32 or float64, not {}", name_of(call.op), name_of(call.inputs.front().dtype))};
  return {std::make_unique<ReferenceKernel>(call), ""};
}

std::shared_ptr<Engine> make_reference_engine() { return std::make_shared<ReferenceEngine>(); }

}  // namespace tutti
