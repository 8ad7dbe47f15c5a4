#include "tutti/nn/programs.h"

#include <algorithm>

#include "tutti/base/error.h"
#include "tutti/engines/engines.h"
#include "tutti/nn/model_state.h"

namespace tutti {
namespace {

// Three purposes, a full and a short batch each, and room for a few odd ones.
constexpr std::size_t kMaxPrograms = 12;

bool serves(const GraphRequest& have, const GraphRequest& want) {
  return have.purpose == want.purpose && have.batch_size == want.batch_size &&
         (want.purpose != Purpose::kTraining || have.seed == want.seed);
}

VariableId variable_id(const Graph& graph, const std::string& name) {
  const auto found = graph.find_variable(name);
  if (!found) fail("Model", "the program has no variable {}.", name);
  return *found;
}

}  // namespace

Programs& Programs::of(const Model& model) {
  Model::State& state = model.state();
  if (state.programs) return *state.programs;
  const bool compiled = state.compiled.has_value();
  return on(model, make_engine(compiled ? state.compiled->engine : "", compiled ? state.compiled->device : ""));
}

Programs& Programs::on(const Model& model, std::shared_ptr<Engine> engine) {
  Model::State& state = model.state();
  if (state.programs) state.programs->pull_weights();
  state.programs = std::make_unique<Programs>(state, std::move(engine));
  return *state.programs;
}

Programs::Programs(Model::State& state, std::shared_ptr<Engine> engine) : state_(state), engine_(std::move(engine)) {
  if (state.compiled) learning_rate_ = state.compiled->optimizer.learning_rate;
}

Programs::Compiled& Programs::get(const GraphRequest& request) {
  const auto found = std::ranges::find_if(compiled_, [&](const Compiled& each) { return serves(each.request, request); });
  if (found != compiled_.end()) {
    compiled_.splice(compiled_.begin(), compiled_, found);
    return compiled_.front();
  }
  Compiled made{request, write_graph(StateModel(state_), request), nullptr};
  // A training program has all variables, so it is the best one to share with.
  auto sharing = std::ranges::find(compiled_, Purpose::kTraining, [](const Compiled& each) { return each.request.purpose; });
  const bool has_trainer = sharing != compiled_.end();
  if (!has_trainer) sharing = compiled_.begin();
  const bool first = compiled_.empty();
  made.program = engine_->compile(made.graph, first ? nullptr : sharing->program.get());
  compiled_.push_front(std::move(made));
  if (first) push_weights();
  if (request.purpose == Purpose::kTraining && !has_trainer) initialize_optimizer(compiled_.front());
  evict();
  return compiled_.front();
}

// Never the last training program: it keeps the optimizer's variables alive.
void Programs::evict() {
  while (compiled_.size() > kMaxPrograms) {
    const auto trainers =
        std::ranges::count(compiled_, Purpose::kTraining, [](const Compiled& each) { return each.request.purpose; });
    auto last = std::prev(compiled_.end());
    while (last->request.purpose == Purpose::kTraining && trainers == 1) --last;
    compiled_.erase(last);
  }
}

void Programs::pull_weights() {
  if (!weights_behind_) return;
  weights_behind_ = false;
  const Compiled& source = trainer();
  for (const LayerPtr& layer : state_.layers)
    for (Weight& weight : layer->weights())
      weight.value = source.program->read(variable_id(source.graph, variable_name(*layer, weight)));
}

void Programs::push_weights() {
  weights_behind_ = false;
  if (compiled_.empty()) return;
  Compiled& target = compiled_.front();  // all share the weights
  for (const LayerPtr& layer : state_.layers)
    for (const Weight& weight : layer->weights())
      target.program->write(variable_id(target.graph, variable_name(*layer, weight)), weight.value);
}

void Programs::initialize_optimizer(Compiled& target) {
  const OptimizerRule& rule = state_.compiled->optimizer.rule();
  const auto write = [&](const std::string& name, const Tensor& value) {
    target.program->write(variable_id(target.graph, name), value);
  };
  write(kLearningRateVariable, Tensor::scalar(static_cast<float>(learning_rate_)));
  write(kIterationVariable, Tensor::scalar(std::int64_t{0}));
  // The only one there is: Nadam's product of momenta.
  for (const std::string& scalar : rule.scalars()) write(optimizer_variable_name(scalar), Tensor::scalar(1.0f));
  for (const LayerPtr& layer : state_.layers)
    for (const Weight& weight : layer->weights()) {
      if (!layer->trainable || weight.is_statistic) continue;
      Tensor value(weight.shape);
      std::ranges::fill(value.data<float>(), static_cast<float>(rule.slot_initial_value()));
      for (const std::string& slot : rule.slots()) write(slot_variable_name(variable_name(*layer, weight), slot), value);
    }
}

bool Programs::has_trainer() const {
  return std::ranges::any_of(compiled_, [](const Compiled& each) { return each.request.purpose == Purpose::kTraining; });
}

Programs::Compiled& Programs::trainer() {
  const auto found =
      std::ranges::find(compiled_, Purpose::kTraining, [](const Compiled& each) { return each.request.purpose; });
  if (found != compiled_.end()) return *found;
  // Batch 1 is the cheapest program that has the optimizer's variables.
  return get({.purpose = Purpose::kTraining, .batch_size = 1, .seed = seed()});
}

void Programs::set_learning_rate(double value) {
  learning_rate_ = value;
  const auto found =
      std::ranges::find(compiled_, Purpose::kTraining, [](const Compiled& each) { return each.request.purpose; });
  if (found != compiled_.end())
    found->program->write(variable_id(found->graph, kLearningRateVariable), Tensor::scalar(static_cast<float>(value)));
}

OptimizerState Programs::optimizer_state() {
  if (!state_.compiled) fail("Model", "{} is not compiled: it has no optimizer.", state_.name);
  Compiled& source = trainer();
  const auto read = [&](const std::string& name) { return source.program->read(variable_id(source.graph, name)); };
  const OptimizerRule& rule = state_.compiled->optimizer.rule();
  OptimizerState result;
  result.step = static_cast<std::int64_t>(read(kIterationVariable).item());
  result.learning_rate = learning_rate_;
  for (const std::string& scalar : rule.scalars()) result.scalars.push_back(read(optimizer_variable_name(scalar)));
  for (const LayerPtr& layer : state_.layers)
    for (const Weight& weight : layer->weights()) {
      if (!layer->trainable || weight.is_statistic) continue;
      auto& slots = result.slots.emplace_back();
      for (const std::string& slot : rule.slots())
        slots.push_back(read(slot_variable_name(variable_name(*layer, weight), slot)));
    }
  return result;
}

void Programs::set_optimizer_state(const OptimizerState& value) {
  if (!state_.compiled) fail("Model", "{} is not compiled: it has no optimizer.", state_.name);
  Compiled& target = trainer();
  const OptimizerRule& rule = state_.compiled->optimizer.rule();
  std::vector<std::pair<std::string, const Tensor*>> writes;
  std::size_t at = 0;
  for (const LayerPtr& layer : state_.layers)
    for (const Weight& weight : layer->weights()) {
      if (!layer->trainable || weight.is_statistic) continue;
      if (at >= value.slots.size() || value.slots[at].size() != rule.slots().size())
        fail("optimizer state", "the slots of {} are missing.", variable_name(*layer, weight));
      for (std::size_t slot = 0; slot < rule.slots().size(); ++slot) {
        if (value.slots[at][slot].shape() != weight.shape)
          fail("optimizer state", "a slot of {} must have shape {}. Got {}.", variable_name(*layer, weight),
               to_string(weight.shape), to_string(value.slots[at][slot].shape()));
        writes.emplace_back(slot_variable_name(variable_name(*layer, weight), rule.slots()[slot]), &value.slots[at][slot]);
      }
      ++at;
    }
  if (at != value.slots.size()) fail("optimizer state", "expected slots of {} weights. Got {}.", at, value.slots.size());
  const std::vector<std::string> scalars = rule.scalars();
  if (value.scalars.size() != scalars.size())
    fail("optimizer state", "expected {} scalars. Got {}.", scalars.size(), value.scalars.size());
  for (std::size_t i = 0; i < scalars.size(); ++i) writes.emplace_back(optimizer_variable_name(scalars[i]), &value.scalars[i]);
  for (const auto& [name, tensor] : writes)
    target.program->write(variable_id(target.graph, name), tensor->cast(DType::kFloat32));
  target.program->write(variable_id(target.graph, kIterationVariable), Tensor::scalar(value.step));
  set_learning_rate(value.learning_rate);
}

}  // namespace tutti
