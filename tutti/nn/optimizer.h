// Optimizers by Keras's names; each writes its update into the training graph.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/graph/graph.h"
#include "tutti/nn/json.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

// What every Keras 3 optimizer takes beside its own arguments. 0 or nullopt: off. At most one way of clipping.
struct OptimizerCommon {
  double weight_decay = 0.0;
  std::optional<double> clipnorm = {}, global_clipnorm = {}, clipvalue = {};
};

// One optimizer's rule. Slots are the tensors it keeps for each weight.
class OptimizerRule {
 public:
  virtual ~OptimizerRule() = default;
  virtual std::string class_name() const = 0;  // "Adam"
  // Own keys in Keras's order, without name, learning_rate and those of OptimizerCommon.
  virtual Json config() const = 0;
  // Names of the per-weight slots, in Keras 3's order: {"momentum", "velocity"}.
  virtual std::vector<std::string> slots() const = 0;
  // Keras 3 stores them weight by weight (Adam) or slot by slot (RMSprop).
  virtual bool slots_interleaved() const { return true; }
  virtual double slot_initial_value() const { return 0.0; }
  // Scalars of the whole optimizer beside iteration and learning_rate (Nadam's "u_product", initially 1).
  virtual std::vector<std::string> scalars() const { return {}; }
  // What scalars() are after so many steps: for files that lack them.
  virtual std::vector<Tensor> scalars_after(std::int64_t /*steps*/) const { return {}; }
  struct Call {
    Graph& graph;
    ValueId weight, gradient, learning_rate, step;  // lr float32 (), step int64 ()
    std::span<const ValueId> slots, scalars;
    double weight_decay;
  };
  // The new weight, then the new slots.
  virtual std::vector<ValueId> update(const Call& call) const = 0;
  // The new scalars, once a step.
  virtual std::vector<ValueId> update_scalars(Graph&, ValueId /*step*/, std::span<const ValueId>) const { return {}; }
};

// A cheap handle on a rule and its common options.
class Optimizer {
 public:
  // "adam", "sgd", ... with Keras's defaults. Error names the known ones.
  Optimizer(std::string_view name);
  Optimizer(const char* name) : Optimizer(std::string_view(name)) {}
  Optimizer(const std::string& name) : Optimizer(std::string_view(name)) {}
  // Error for a negative rate or decay, and for more than one way of clipping, as in Keras.
  Optimizer(std::shared_ptr<const OptimizerRule> rule, double initial_rate, OptimizerCommon common_options);

  const OptimizerRule& rule() const { return *rule_; }
  std::string name() const;  // "adam"
  // {"name", "learning_rate", "weight_decay", "clipnorm", ...} as Keras 3's get_config. learning_rate is as given at compile.
  Json config() const;
  // {"class_name", "config"} of Keras 1 to 3 (lr, decay 0, epsilon null...).
  static Optimizer from_config(std::string_view class_name, const Json& config);

  // The variables of a training graph that belong to the optimizer.
  struct Variables {
    ValueId learning_rate, step;
    std::vector<ValueId> scalars;
    std::vector<std::vector<ValueId>> slots;  // [weight][slot]
  };
  // Appends clipping and the updates of all weights, slots, scalars and of the step to `graph`.
  void add_updates(Graph& graph, std::span<const ValueId> weights, std::span<const ValueId> gradients,
                   const Variables& variables) const;

  double learning_rate;
  OptimizerCommon common;

 private:
  std::shared_ptr<const OptimizerRule> rule_;
};

struct SGDOptions {
  double learning_rate = 0.01, momentum = 0.0;
  bool nesterov = false;
  OptimizerCommon common = {};
};
Optimizer SGD(SGDOptions options = {});
struct AdamOptions {
  double learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  OptimizerCommon common = {};
};
Optimizer Adam(AdamOptions options = {});
struct AdamWOptions {
  double learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  double weight_decay = 0.004;  // in place of common's
  OptimizerCommon common = {};
};
Optimizer AdamW(AdamWOptions options = {});
Optimizer Nadam(AdamOptions options = {});
struct RMSpropOptions {
  double learning_rate = 0.001, rho = 0.9, momentum = 0.0, epsilon = 1e-7;
  bool centered = false;
  OptimizerCommon common = {};
};
Optimizer RMSprop(RMSpropOptions options = {});
struct AdagradOptions {
  double learning_rate = 0.001, initial_accumulator_value = 0.1, epsilon = 1e-7;
  OptimizerCommon common = {};
};
Optimizer Adagrad(AdagradOptions options = {});

}  // namespace tutti
