// Optimizer: names, configs, clipping.
#include "tutti/nn/optimizer.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/nn/layer.h"
#include "tutti/nn/optimizers/rules.h"

namespace tutti {
namespace {

struct Row {
  const char* class_name;
  Optimizer (*from_config)(const OptimizerConfig&);
};
constexpr Row kRows[] = {{"SGD", sgd_from_config},     {"RMSprop", rmsprop_from_config}, {"Adam", adam_from_config},
                         {"AdamW", adamw_from_config}, {"Nadam", nadam_from_config},     {"Adagrad", adagrad_from_config}};

// "AdamW", "adamw" and Keras's default name "adam_w" are one.
std::string folded(std::string_view text) {
  std::string result;
  for (const char c : text)
    if (c != '_') result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

const Row& row_of(std::string_view name) {
  for (const Row& row : kRows)
    if (folded(row.class_name) == folded(name)) return row;
  std::string known;
  for (const Row& row : kRows) known += fmt::format("{}{}", known.empty() ? "" : ", ", folded(row.class_name));
  fail("optimizer", "unknown optimizer. Expected one of: {}. Got {}.", known, name);
}

}  // namespace

std::optional<double> OptimizerConfig::optional_number(const char* key) const {
  return fields_.find(key) ? std::optional(number(key, 0)) : std::nullopt;
}

double OptimizerConfig::learning_rate(double fallback) const {
  const char* key = fields_.find("learning_rate") ? "learning_rate" : "lr";  // Keras 1 and 2: lr
  if (const Json* rate = fields_.find(key); rate && rate->is_object() && rate->contains("class_name"))
    fail("optimizer", "a learning rate schedule in a file is not supported. Give the rate as a number.");
  return number(key, fallback);
}

OptimizerCommon OptimizerConfig::common() const {
  if (number("decay", 0) != 0)
    fail("optimizer", "decay {} of Keras 2 is not supported. Use LearningRateScheduler.", number("decay", 0));
  for (const char* key : {"use_ema", "amsgrad"})
    if (flag(key)) fail("optimizer", "{} is not supported.", key);
  if (number("gradient_accumulation_steps", 1) > 1) fail("optimizer", "gradient_accumulation_steps is not supported.");
  return {number("weight_decay", 0), optional_number("clipnorm"), optional_number("global_clipnorm"),
          optional_number("clipvalue")};
}

Optimizer::Optimizer(std::shared_ptr<const OptimizerRule> rule, double initial_rate, OptimizerCommon common_options)
    : learning_rate(initial_rate), common(common_options), rule_(std::move(rule)) {
  const std::string where = rule_->class_name();
  if (!(learning_rate >= 0 && std::isfinite(learning_rate)))
    fail(where, "learning_rate must be a number that is not negative. Got {}.", learning_rate);
  if (!(common.weight_decay >= 0)) fail(where, "weight_decay must not be negative. Got {}.", common.weight_decay);
  int clips = 0;
  for (const std::optional<double>& clip : {common.clipnorm, common.global_clipnorm, common.clipvalue}) {
    if (clip && !(*clip > 0)) fail(where, "clipnorm, global_clipnorm and clipvalue must be positive. Got {}.", *clip);
    clips += clip.has_value();
  }
  if (clips > 1) fail(where, "only one of clipnorm, global_clipnorm and clipvalue may be given.");
}

Optimizer::Optimizer(std::string_view optimizer_name)
    : Optimizer([&] {
        const Json defaults = Json::object();
        return from_config(optimizer_name, defaults);
      }()) {}

std::string Optimizer::name() const { return folded(rule_->class_name()); }

Json Optimizer::config() const {
  const auto or_null = [](std::optional<double> value) { return value ? Json(*value) : Json(nullptr); };
  Json config = {{"name", to_snake_case(rule_->class_name())},  // as Keras 3 names it: "rm_sprop"
                 {"learning_rate", static_cast<double>(static_cast<float>(learning_rate))},
                 {"weight_decay", common.weight_decay > 0 ? Json(common.weight_decay) : Json(nullptr)},
                 {"clipnorm", or_null(common.clipnorm)},
                 {"global_clipnorm", or_null(common.global_clipnorm)},
                 {"clipvalue", or_null(common.clipvalue)},
                 {"use_ema", false},
                 {"ema_momentum", 0.99},
                 {"ema_overwrite_frequency", nullptr},
                 {"loss_scale_factor", nullptr},
                 {"gradient_accumulation_steps", nullptr}};
  config.update(rule_->config());
  return config;
}

Optimizer Optimizer::from_config(std::string_view class_name, const Json& config) {
  return row_of(class_name).from_config(OptimizerConfig(config));
}

void Optimizer::add_updates(Graph& graph, std::span<const ValueId> weights, std::span<const ValueId> gradients,
                            const Variables& variables) const {
  std::vector<ValueId> clipped(gradients.begin(), gradients.end());
  const auto squared_norm = [&](ValueId value) {
    return graph.add1(op::Reduce{op::ReduceKind::kSumSquares, {}, false}, {value});
  };
  const auto set_origin = [&](std::size_t i) {  // the layer of weight "layer/kernel"
    const std::string& name = graph.values()[static_cast<std::size_t>(weights[i])].name;
    graph.set_origin({name.substr(0, name.rfind('/')), Node::Phase::kUpdate});
  };
  graph.set_origin({"", Node::Phase::kUpdate});
  ValueId global = kNoValue;
  if (common.global_clipnorm)
    for (const ValueId gradient : clipped) {
      if (gradient == kNoValue) continue;
      const ValueId norm = squared_norm(gradient);
      global = global == kNoValue ? norm : graph.add1(op::Binary{op::BinaryKind::kAdd}, {global, norm});
    }
  for (std::size_t i = 0; i < clipped.size(); ++i) {
    ValueId& gradient = clipped[i];
    if (gradient == kNoValue) continue;
    set_origin(i);
    if (common.clipnorm) gradient = graph.add1(op::ClipByNorm{*common.clipnorm}, {gradient, squared_norm(gradient)});
    if (common.global_clipnorm) gradient = graph.add1(op::ClipByNorm{*common.global_clipnorm}, {gradient, global});
    if (common.clipvalue) gradient = graph.add1(op::Clip{-*common.clipvalue, *common.clipvalue}, {gradient});
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (clipped[i] == kNoValue) continue;  // the loss does not depend on this weight
    set_origin(i);
    const std::vector<ValueId>& slots = variables.slots[i];
    const std::vector<ValueId> updated = rule_->update({graph, weights[i], clipped[i], variables.learning_rate, variables.step,
                                                        slots, variables.scalars, common.weight_decay});
    graph.update(weights[i], updated[0]);
    for (std::size_t slot = 0; slot < slots.size(); ++slot) graph.update(slots[slot], updated[slot + 1]);
  }
  graph.set_origin({"", Node::Phase::kUpdate});
  const std::vector<ValueId> scalars = rule_->update_scalars(graph, variables.step, variables.scalars);
  for (std::size_t i = 0; i < scalars.size(); ++i) graph.update(variables.scalars[i], scalars[i]);
  graph.update(variables.step, graph.add1(op::Increment{}, {variables.step}));
}

}  // namespace tutti
