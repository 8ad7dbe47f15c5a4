#include <fmt/format.h>

#include "cases.h"

namespace tutti::conformance {
namespace {

using namespace op;

// Large enough that the update shows beside the weights.
constexpr float kLearningRate = 0.1f;
// A kernel, and a vector with a tail.
const Shape kWeights{3, 3, 5, 7};

std::vector<Tensor> weights(Draws& draw) {
  return {draw.normal(kWeights), draw.normal(kWeights), Draws::learning_rate(kLearningRate)};
}

// One list of them all. Braces, unlike operands, are evaluated in order, so that draws are the same with every compiler.
std::vector<Tensor> join(std::vector<std::vector<Tensor>> parts) {
  std::vector<Tensor> all;
  for (const std::vector<Tensor>& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

void add_sgd(std::vector<Case>& cases, const char* name, const SgdUpdate& op) {
  cases.push_back({fmt::format("SgdUpdate_{}", name), op, [op](Draws& draw) {
                     std::vector<Tensor> inputs = weights(draw);
                     if (op.momentum > 0) inputs.push_back(draw.normal(kWeights));
                     return inputs;
                   }});
}

void add_adam(std::vector<Case>& cases, const char* name, const AdamUpdate& op, std::int64_t step, bool zero_moments = false) {
  cases.push_back(
      {fmt::format("AdamUpdate_{}", name), op, [=](Draws& draw) {
         const double scale = zero_moments ? 0 : 1;
         return join({weights(draw), {Draws::step(step), draw.normal(kWeights, scale), draw.uniform(kWeights, 0, scale)}});
       }});
}

void add_rmsprop(std::vector<Case>& cases, const char* name, const RmspropUpdate& op) {
  cases.push_back({fmt::format("RmspropUpdate_{}", name), op, [op](Draws& draw) {
                     // v is at least the square of the mean gradient, as it always is.
                     std::vector<Tensor> inputs = join({weights(draw), {draw.uniform(kWeights, 0.5, 2)}});
                     if (op.momentum > 0) inputs.push_back(draw.normal(kWeights));
                     if (op.centered) inputs.push_back(draw.uniform(kWeights, -0.5, 0.5));
                     return inputs;
                   }});
}

}  // namespace

void add_optimizers(std::vector<Case>& cases) {
  add_sgd(cases, "plain", {});
  add_sgd(cases, "momentum", {.momentum = 0.9});
  add_sgd(cases, "nesterov", {.momentum = 0.9, .nesterov = true});
  add_sgd(cases, "weight_decay", {.momentum = 0.9, .weight_decay = 0.01});
  add_adam(cases, "first_step", {}, 0, true);
  add_adam(cases, "step_9", {}, 9);
  add_adam(cases, "step_100000", {}, 100000);
  add_adam(cases, "other_betas", {.beta_1 = 0.8, .beta_2 = 0.95, .epsilon = 1e-3}, 3);
  add_adam(cases, "weight_decay", {.weight_decay = 0.004}, 3);
  const auto nadam = [](std::int64_t step, double product) {
    return [=](Draws& draw) {
      return join({weights(draw), {Draws::step(step), draw.normal(kWeights), draw.uniform(kWeights), draw.scalar(product)}});
    };
  };
  cases.push_back({"NadamUpdate_first_step", NadamUpdate{}, nadam(0, 1)});
  cases.push_back({"NadamUpdate_step_7", NadamUpdate{}, nadam(7, 0.02)});
  cases.push_back({"NadamUpdate_weight_decay", NadamUpdate{.weight_decay = 0.004}, nadam(7, 0.02)});
  cases.push_back({"NadamProduct", NadamProduct{}, [](Draws& draw) { return std::vector{draw.scalar(0.3), Draws::step(4)}; }});
  add_rmsprop(cases, "plain", {});
  add_rmsprop(cases, "momentum", {.momentum = 0.9});
  add_rmsprop(cases, "centered", {.centered = true});
  add_rmsprop(cases, "centered_momentum", {.momentum = 0.9, .centered = true});
  add_rmsprop(cases, "weight_decay", {.weight_decay = 0.01});
  cases.push_back({"AdagradUpdate", AdagradUpdate{}, [](Draws& draw) {
                     return join({weights(draw), {draw.uniform(kWeights)}});
                   }});
  cases.push_back({"AdagradUpdate_weight_decay", AdagradUpdate{.weight_decay = 0.01}, [](Draws& draw) {
                     return join({weights(draw), {draw.uniform(kWeights)}});
                   }});
  cases.push_back({"Increment", Increment{}, [](Draws&) { return std::vector{Draws::step((std::int64_t{1} << 40) + 1)}; }});
  cases.push_back({"Increment_by_3", Increment{3}, [](Draws&) { return std::vector{Draws::step(0)}; }});
}

}  // namespace tutti::conformance
