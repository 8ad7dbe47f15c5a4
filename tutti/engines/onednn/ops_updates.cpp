// Optimizers, in place on the variables where nobody reads the old values any more.
#include "tutti/engines/onednn/loops.h"
#include "tutti/engines/onednn/ops.h"

namespace tutti::onednn {

using namespace op;

namespace {

// A weight or one of its slots: where the old value is and where the new one goes.
struct State {
  BufferId in = -1, out = -1;
  Slots slots(const Plan& plan) const {
    if (in < 0) return {nullptr, nullptr};
    return {plan.data<float>(in), plan.data<float>(out)};
  }
};

State state_of(Lowering& lowering, ValueId in, ValueId out) {
  const Operand from = lowering.plain(in);
  return {from.buffer, lowering.out_in_place(out, in, from).buffer};
}

std::vector<BufferId> touched(std::initializer_list<BufferId> buffers, std::initializer_list<State> states) {
  std::vector<BufferId> all(buffers);
  for (const State& state : states)
    if (state.in >= 0) all.insert(all.end(), {state.in, state.out});
  return all;
}

}  // namespace

Refusal lower_op(Lowering& lowering, const Node& node, const SgdUpdate& op) {
  const std::int64_t count = lowering.shape(node.inputs[0]).elements();
  const BufferId g = lowering.plain(node.inputs[1]).buffer, lr = lowering.plain(node.inputs[2]).buffer;
  const State w = state_of(lowering, node.inputs[0], node.outputs[0]);
  const State velocity = op.momentum == 0 ? State{} : state_of(lowering, node.inputs[3], node.outputs[1]);
  Plan* plan = &lowering.plan();
  plan->add_loop("sgd", touched({g, lr}, {w, velocity}), [=] {
    sgd_update(op, count, *plan->data<float>(lr), plan->data<float>(g), w.slots(*plan), velocity.slots(*plan));
  });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const AdamUpdate& op) {
  const std::int64_t count = lowering.shape(node.inputs[0]).elements();
  const BufferId g = lowering.plain(node.inputs[1]).buffer, lr = lowering.plain(node.inputs[2]).buffer;
  const BufferId step = lowering.plain(node.inputs[3]).buffer;
  const State w = state_of(lowering, node.inputs[0], node.outputs[0]);
  const State m = state_of(lowering, node.inputs[4], node.outputs[1]), v = state_of(lowering, node.inputs[5], node.outputs[2]);
  Plan* plan = &lowering.plan();
  plan->add_loop("adam", touched({g, lr, step}, {w, m, v}), [=] {
    adam_update(op, count, *plan->data<float>(lr), *plan->data<std::int64_t>(step), plan->data<float>(g), w.slots(*plan),
                m.slots(*plan), v.slots(*plan));
  });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const NadamUpdate& op) {
  const std::int64_t count = lowering.shape(node.inputs[0]).elements();
  const BufferId g = lowering.plain(node.inputs[1]).buffer, lr = lowering.plain(node.inputs[2]).buffer;
  const BufferId step = lowering.plain(node.inputs[3]).buffer, product = lowering.plain(node.inputs[6]).buffer;
  const State w = state_of(lowering, node.inputs[0], node.outputs[0]);
  const State m = state_of(lowering, node.inputs[4], node.outputs[1]), v = state_of(lowering, node.inputs[5], node.outputs[2]);
  Plan* plan = &lowering.plan();
  plan->add_loop("nadam", touched({g, lr, step, product}, {w, m, v}), [=] {
    nadam_update(op, count, *plan->data<float>(lr), *plan->data<std::int64_t>(step), *plan->data<float>(product),
                 plan->data<float>(g), w.slots(*plan), m.slots(*plan), v.slots(*plan));
  });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const NadamProduct& op) {
  const BufferId step = lowering.plain(node.inputs[1]).buffer;
  const State product = state_of(lowering, node.inputs[0], node.outputs[0]);
  Plan* plan = &lowering.plan();
  plan->add_loop("nadam_product", touched({step}, {product}), [=] {
    *plan->data<float>(product.out) = nadam_product(op, *plan->data<float>(product.in), *plan->data<std::int64_t>(step));
  });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const RmspropUpdate& op) {
  const std::int64_t count = lowering.shape(node.inputs[0]).elements();
  const bool has_momentum = op.momentum > 0;
  const BufferId g = lowering.plain(node.inputs[1]).buffer, lr = lowering.plain(node.inputs[2]).buffer;
  const State w = state_of(lowering, node.inputs[0], node.outputs[0]), v = state_of(lowering, node.inputs[3], node.outputs[1]);
  const State momentum = has_momentum ? state_of(lowering, node.inputs[4], node.outputs[2]) : State{};
  const std::size_t mean_at = has_momentum ? 5 : 4;
  const State mean = op.centered ? state_of(lowering, node.inputs[mean_at], node.outputs[mean_at - 2]) : State{};
  Plan* plan = &lowering.plan();
  plan->add_loop("rmsprop", touched({g, lr}, {w, v, momentum, mean}), [=] {
    rmsprop_update(op, count, *plan->data<float>(lr), plan->data<float>(g), w.slots(*plan), v.slots(*plan),
                   momentum.slots(*plan), mean.slots(*plan));
  });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const AdagradUpdate& op) {
  const std::int64_t count = lowering.shape(node.inputs[0]).elements();
  const BufferId g = lowering.plain(node.inputs[1]).buffer, lr = lowering.plain(node.inputs[2]).buffer;
  const State w = state_of(lowering, node.inputs[0], node.outputs[0]);
  const State accumulator = state_of(lowering, node.inputs[3], node.outputs[1]);
  Plan* plan = &lowering.plan();
  plan->add_loop("adagrad", touched({g, lr}, {w, accumulator}), [=] {
    adagrad_update(op, count, *plan->data<float>(lr), plan->data<float>(g), w.slots(*plan), accumulator.slots(*plan));
  });
  return {};
}

Refusal lower_op(Lowering& lowering, const Node& node, const Increment& op) {
  const State step = state_of(lowering, node.inputs[0], node.outputs[0]);
  Plan* plan = &lowering.plan();
  plan->add_loop("increment", touched({}, {step}),
                 [=] { *plan->data<std::int64_t>(step.out) = *plan->data<std::int64_t>(step.in) + op.amount; });
  return {};
}

}  // namespace tutti::onednn
