#include "tutti/nn/layers/penalty.h"

namespace tutti {

void add_activity_penalty(LayerContext& context, ValueId y, const Regularizer& regularizer) {
  Graph& graph = context.graph();
  const auto batch = static_cast<double>(graph.shape(y)[0]);
  const auto add = [&](op::ReduceKind kind, double factor) {
    if (factor == 0.0) return;
    context.add_loss(graph.add1(op::Affine{.scale = factor / batch}, {graph.add1(op::Reduce{kind, {}, false}, {y})}));
  };
  add(op::ReduceKind::kSumAbs, regularizer.l1);
  add(op::ReduceKind::kSumSquares, regularizer.l2);
}

}  // namespace tutti
