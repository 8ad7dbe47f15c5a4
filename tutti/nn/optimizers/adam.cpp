// Adam, AdamW, Nadam.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/nn/optimizers/rules.h"

namespace tutti {
namespace {

// Both decay rates must be in [0, 1) and epsilon must not be negative: else the update divides by 0 or takes roots of
// negatives.
void check(const char* where, const AdamOptions& options) {
  for (const double beta : {options.beta_1, options.beta_2})
    if (!(beta >= 0 && beta < 1)) fail(where, "beta_1 and beta_2 must be in [0, 1). Got {}.", beta);
  if (!(options.epsilon >= 0)) fail(where, "epsilon must not be negative. Got {}.", options.epsilon);
}

class AdamRule : public OptimizerRule {
 public:
  AdamRule(const char* class_name, const AdamOptions& options) : class_name_(class_name), options_(options) {
    check(class_name, options);
  }
  std::string class_name() const override { return class_name_; }
  Json config() const override {
    return {{"beta_1", options_.beta_1}, {"beta_2", options_.beta_2}, {"epsilon", options_.epsilon}, {"amsgrad", false}};
  }
  std::vector<std::string> slots() const override { return {"momentum", "velocity"}; }
  std::vector<ValueId> update(const Call& call) const override {
    return call.graph.add(op::AdamUpdate{options_.beta_1, options_.beta_2, options_.epsilon, call.weight_decay},
                          {call.weight, call.gradient, call.learning_rate, call.step, call.slots[0], call.slots[1]});
  }

 private:
  const char* class_name_;
  AdamOptions options_;
};

class NadamRule : public OptimizerRule {
 public:
  explicit NadamRule(const AdamOptions& options) : options_(options) { check("Nadam", options); }
  std::string class_name() const override { return "Nadam"; }
  Json config() const override {
    return {{"beta_1", options_.beta_1}, {"beta_2", options_.beta_2}, {"epsilon", options_.epsilon}};
  }
  std::vector<std::string> slots() const override { return {"momentum", "velocity"}; }
  std::vector<std::string> scalars() const override { return {"u_product"}; }
  std::vector<ValueId> update(const Call& call) const override {
    return call.graph.add(
        op::NadamUpdate{options_.beta_1, options_.beta_2, options_.epsilon, call.weight_decay},
        {call.weight, call.gradient, call.learning_rate, call.step, call.slots[0], call.slots[1], call.scalars[0]});
  }
  // As op::NadamProduct: rounded to float32 at each step.
  std::vector<Tensor> scalars_after(std::int64_t steps) const override {
    constexpr std::int64_t kConstantFrom = 1000;  // 0.96^1000 is below float64's precision: all later factors are beta_1
    float product = 1.0f;
    for (std::int64_t step = 1; step <= std::min(steps, kConstantFrom); ++step)
      product = static_cast<float>(product * (options_.beta_1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(step)))));
    const auto rest = static_cast<double>(std::max<std::int64_t>(0, steps - kConstantFrom));
    return {Tensor::scalar(static_cast<float>(product * std::pow(options_.beta_1, rest)))};
  }
  std::vector<ValueId> update_scalars(Graph& graph, ValueId step, std::span<const ValueId> scalars) const override {
    return {graph.add1(op::NadamProduct{options_.beta_1}, {scalars[0], step})};
  }

 private:
  AdamOptions options_;
};

AdamOptions adam_options(const OptimizerConfig& config) {
  return {config.learning_rate(0.001), config.number("beta_1", 0.9), config.number("beta_2", 0.999),
          config.number("epsilon", 1e-7), config.common()};
}

}  // namespace

Optimizer Adam(AdamOptions options) {
  return {std::make_shared<AdamRule>("Adam", options), options.learning_rate, options.common};
}
Optimizer AdamW(AdamWOptions options) {
  const AdamOptions adam{options.learning_rate, options.beta_1, options.beta_2, options.epsilon, options.common};
  OptimizerCommon common = options.common;
  common.weight_decay = options.weight_decay;
  return {std::make_shared<AdamRule>("AdamW", adam), options.learning_rate, common};
}
Optimizer Nadam(AdamOptions options) { return {std::make_shared<NadamRule>(options), options.learning_rate, options.common}; }

Optimizer adam_from_config(const OptimizerConfig& config) { return Adam(adam_options(config)); }
Optimizer adamw_from_config(const OptimizerConfig& config) {
  const AdamOptions adam = adam_options(config);
  return AdamW({adam.learning_rate, adam.beta_1, adam.beta_2, adam.epsilon, config.number("weight_decay", 0.004), adam.common});
}
Optimizer nadam_from_config(const OptimizerConfig& config) { return Nadam(adam_options(config)); }

}  // namespace tutti
