// SGD, RMSprop, Adagrad.
#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/nn/optimizers/rules.h"

namespace tutti {
namespace {

// keras/src/optimizers/sgd.py refuses others.
void check_momentum(const char* where, double momentum) {
  if (!(momentum >= 0 && momentum <= 1)) fail(where, "momentum must be in [0, 1]. Got {}.", momentum);
}

class SGDRule : public OptimizerRule {
 public:
  explicit SGDRule(const SGDOptions& options) : options_(options) { check_momentum("SGD", options.momentum); }
  std::string class_name() const override { return "SGD"; }
  Json config() const override { return {{"momentum", options_.momentum}, {"nesterov", options_.nesterov}}; }
  std::vector<std::string> slots() const override {
    return options_.momentum != 0.0 ? std::vector<std::string>{"momentum"} : std::vector<std::string>{};
  }
  std::vector<ValueId> update(const Call& call) const override {
    std::vector<ValueId> inputs{call.weight, call.gradient, call.learning_rate};
    inputs.insert(inputs.end(), call.slots.begin(), call.slots.end());
    return call.graph.add(op::SgdUpdate{options_.momentum, options_.nesterov, call.weight_decay}, std::move(inputs));
  }

 private:
  SGDOptions options_;
};

class RMSpropRule : public OptimizerRule {
 public:
  explicit RMSpropRule(const RMSpropOptions& options) : options_(options) { check_momentum("RMSprop", options.momentum); }
  std::string class_name() const override { return "RMSprop"; }
  Json config() const override {
    return {
        {"rho", options_.rho}, {"momentum", options_.momentum}, {"epsilon", options_.epsilon}, {"centered", options_.centered}};
  }
  std::vector<std::string> slots() const override {
    std::vector<std::string> names{"velocity"};
    if (options_.momentum > 0) names.push_back("momentum");
    if (options_.centered) names.push_back("average_gradient");
    return names;
  }
  bool slots_interleaved() const override { return false; }
  std::vector<ValueId> update(const Call& call) const override {
    std::vector<ValueId> inputs{call.weight, call.gradient, call.learning_rate};
    inputs.insert(inputs.end(), call.slots.begin(), call.slots.end());
    return call.graph.add(
        op::RmspropUpdate{options_.rho, options_.momentum, options_.epsilon, options_.centered, call.weight_decay},
        std::move(inputs));
  }

 private:
  RMSpropOptions options_;
};

class AdagradRule : public OptimizerRule {
 public:
  explicit AdagradRule(const AdagradOptions& options) : options_(options) {}
  std::string class_name() const override { return "Adagrad"; }
  Json config() const override {
    return {{"initial_accumulator_value", options_.initial_accumulator_value}, {"epsilon", options_.epsilon}};
  }
  std::vector<std::string> slots() const override { return {"accumulator"}; }
  double slot_initial_value() const override { return options_.initial_accumulator_value; }
  std::vector<ValueId> update(const Call& call) const override {
    return call.graph.add(op::AdagradUpdate{options_.epsilon, call.weight_decay},
                          {call.weight, call.gradient, call.learning_rate, call.slots[0]});
  }

 private:
  AdagradOptions options_;
};

}  // namespace

Optimizer SGD(SGDOptions options) { return {std::make_shared<SGDRule>(options), options.learning_rate, options.common}; }
Optimizer RMSprop(RMSpropOptions options) {
  return {std::make_shared<RMSpropRule>(options), options.learning_rate, options.common};
}
Optimizer Adagrad(AdagradOptions options) {
  return {std::make_shared<AdagradRule>(options), options.learning_rate, options.common};
}

Optimizer sgd_from_config(const OptimizerConfig& config) {
  return SGD({config.learning_rate(0.01), config.number("momentum", 0), config.flag("nesterov"), config.common()});
}
Optimizer rmsprop_from_config(const OptimizerConfig& config) {
  return RMSprop({config.learning_rate(0.001), config.number("rho", 0.9), config.number("momentum", 0),
                  config.number("epsilon", 1e-7), config.flag("centered"), config.common()});
}
Optimizer adagrad_from_config(const OptimizerConfig& config) {
  return Adagrad({config.learning_rate(0.001), config.number("initial_accumulator_value", 0.1), config.number("epsilon", 1e-7),
                  config.common()});
}

}  // namespace tutti
