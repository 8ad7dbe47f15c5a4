#include "tutti/engines/onednn/ops.h"

namespace tutti::onednn {

Refusal lower_op(Lowering&, const Node&, const op::Loss&) { return "oneDNN has no loss primitives"; }
Refusal lower_op(Lowering&, const Node&, const op::LossGrad&) { return "oneDNN has no loss primitives"; }

Refusal lower(Lowering& lowering, const Node& node) {
  for (const auto& values : {node.inputs, node.outputs}) {
    for (const ValueId value : values) {
      if (lowering.type(value).dtype == DType::kFloat64) return "oneDNN has no float64";
      if (lowering.shape(value).elements() == 0) return "oneDNN has no empty arrays";
    }
  }
  return std::visit([&](const auto& op) { return lower_op(lowering, node, op); }, node.op);
}

}  // namespace tutti::onednn
