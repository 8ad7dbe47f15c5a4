#include <cmath>
#include <string_view>

#include "tutti/base/error.h"
#include "tutti/graph/shape_rules.h"
#include "tutti/graph/type_checks.h"

namespace tutti::shape_rules {
namespace {

using namespace op;

// Factors of moving averages and momentum: from 0 up to, not including, 1.
void check_decay(std::string_view name, std::string_view attribute, double value) {
  if (!(value >= 0 && value < 1)) fail(name, "{} out of range. Expected 0 <= {} < 1. Got {}.", attribute, attribute, value);
}

void check_not_negative(std::string_view name, std::string_view attribute, double value) {
  if (!(value >= 0) || !std::isfinite(value))
    fail(name, "{} out of range. Expected a finite number of at least 0. Got {}.", attribute, value);
}

// The first three inputs of every update: w, g like it, lr float32 (). Returns the type of w.
const TensorType& check_weight(const Inputs& in, double weight_decay) {
  check_not_negative(in.op(), "weight_decay", weight_decay);
  const TensorType& weight = in.floating(0);
  in.exactly(1, weight);
  in.exactly(2, {DType::kFloat32, {}});
  return weight;
}

// w and its slots, inputs [first, count), all of one type: the outputs.
Types weight_and_slots(const Inputs& in, const TensorType& weight, int first, int count) {
  Types outputs{weight};
  for (int input = first; input < count; ++input) {
    in.exactly(input, weight);
    outputs.push_back(weight);
  }
  return outputs;
}

template <class Adam>
void check_adam(std::string_view name, const Adam& op) {
  check_decay(name, "beta_1", op.beta_1);
  check_decay(name, "beta_2", op.beta_2);
  check_not_negative(name, "epsilon", op.epsilon);
}

Types rmsprop(const Inputs& in, const RmspropUpdate& op) {
  check_decay(in.op(), "rho", op.rho);
  check_decay(in.op(), "momentum", op.momentum);
  check_not_negative(in.op(), "epsilon", op.epsilon);
  return weight_and_slots(in, check_weight(in, op.weight_decay), 3, in.count());
}

}  // namespace

Types infer(const SgdUpdate& op, TypeSpan types) {
  check_decay("SgdUpdate", "momentum", op.momentum);
  const Inputs in =
      op.momentum > 0 ? Inputs("SgdUpdate", types, {"w", "g", "lr", "velocity"}) : Inputs("SgdUpdate", types, {"w", "g", "lr"});
  return weight_and_slots(in, check_weight(in, op.weight_decay), 3, in.count());
}

Types infer(const AdamUpdate& op, TypeSpan types) {
  const Inputs in("AdamUpdate", types, {"w", "g", "lr", "step", "m", "v"});
  check_adam(in.op(), op);
  in.step(3);
  return weight_and_slots(in, check_weight(in, op.weight_decay), 4, 6);
}

Types infer(const NadamUpdate& op, TypeSpan types) {
  const Inputs in("NadamUpdate", types, {"w", "g", "lr", "step", "m", "v", "u_product"});
  check_adam(in.op(), op);
  in.step(3);
  const TensorType& weight = check_weight(in, op.weight_decay);
  in.exactly(6, {weight.dtype, {}});
  return weight_and_slots(in, weight, 4, 6);
}

Types infer(const NadamProduct& op, TypeSpan types) {
  const Inputs in("NadamProduct", types, {"u_product", "step"});
  check_decay(in.op(), "beta_1", op.beta_1);
  const TensorType& product = in.floating(0, 0, "()");
  in.step(1);
  return {product};
}

Types infer(const RmspropUpdate& op, TypeSpan types) {
  constexpr std::string_view kName = "RmspropUpdate";
  const bool momentum = op.momentum > 0;
  if (momentum && op.centered)
    return rmsprop(Inputs(kName, types, {"w", "g", "lr", "v", "momentum_buffer", "mean_gradient"}), op);
  if (momentum) return rmsprop(Inputs(kName, types, {"w", "g", "lr", "v", "momentum_buffer"}), op);
  if (op.centered) return rmsprop(Inputs(kName, types, {"w", "g", "lr", "v", "mean_gradient"}), op);
  return rmsprop(Inputs(kName, types, {"w", "g", "lr", "v"}), op);
}

Types infer(const AdagradUpdate& op, TypeSpan types) {
  const Inputs in("AdagradUpdate", types, {"w", "g", "lr", "accumulator"});
  check_not_negative(in.op(), "epsilon", op.epsilon);
  return weight_and_slots(in, check_weight(in, op.weight_decay), 3, 4);
}

Types infer(const Increment&, TypeSpan types) {
  const Inputs in("Increment", types, {"step"});
  in.step(0);
  return {in[0]};
}

}  // namespace tutti::shape_rules
