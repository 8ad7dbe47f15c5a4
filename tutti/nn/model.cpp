#include "tutti/nn/model.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/philox.h"
#include "tutti/engines/engines.h"
#include "tutti/nn/graph_writer.h"
#include "tutti/nn/layer_order.h"
#include "tutti/nn/model_state.h"

namespace tutti {
namespace {

std::atomic<std::uint64_t>& seed_value() {
  static std::atomic<std::uint64_t> value{std::strtoull(env("TUTTI_SEED", "0").c_str(), nullptr, 10)};
  return value;
}

// Lists the nodes that the outputs need, every node after its inputs. Recursion would overflow the stack on a deep model.
class NodeCollector {
 public:
  explicit NodeCollector(Model::State& state) : state_(state) {}

  int collect(const Symbol& symbol) {
    std::vector<const Symbol*> stack{&symbol};
    while (!stack.empty()) {
      const Symbol& current = *stack.back();
      if (index_.contains(&current.node())) {
        stack.pop_back();
        continue;
      }
      bool ready = true;
      // The first input comes first: it must be pushed last.
      const std::vector<Symbol>& inputs = current.node().inputs;
      for (auto input = inputs.rbegin(); input != inputs.rend(); ++input)
        if (!index_.contains(&input->node())) {
          stack.push_back(&*input);
          ready = false;
        }
      if (!ready) continue;
      stack.pop_back();
      append(current.node());
    }
    return index_.at(&symbol.node());
  }

 private:
  void append(const SymbolNode& node) {
    ModelNode added{node.layer, {}, node.shape};
    for (const Symbol& input : node.inputs) added.inputs.push_back(index_.at(&input.node()));
    index_[&node] = static_cast<int>(state_.nodes.size());
    state_.nodes.push_back(std::move(added));
    if (known_.insert(node.layer.get()).second) state_.layers.push_back(node.layer);
  }

  Model::State& state_;
  std::map<const SymbolNode*, int> index_;
  std::set<const Layer*> known_;
};

// Names the unnamed as Keras does in a new session: conv2d, conv2d_1, ...; Error for a name given twice.
void name_layers(Model::State& state) {
  std::set<std::string> taken;
  for (const LayerPtr& layer : state.layers)
    if (!layer->name.empty() && !taken.insert(layer->name).second)
      fail("Model", "the layer name {} is used twice. Give one of them another.", layer->name);
  std::map<std::string, int> counters;
  for (const LayerPtr& layer : state.layers) {
    if (!layer->name.empty()) continue;
    const std::string base = to_snake_case(layer->class_name());
    do {
      const int count = counters[base]++;
      layer->name = count == 0 ? base : fmt::format("{}_{}", base, count);
    } while (!taken.insert(layer->name).second);
  }
}

void draw_weights(Model::State& state, std::uint64_t seed, bool only_empty) {
  for (const LayerPtr& layer : state.layers)
    for (Weight& weight : layer->weights())
      if (!only_empty || weight.value.empty())
        weight.value = weight.initializer(weight.shape, seed, stream_of(variable_name(*layer, weight).c_str()));
}

std::shared_ptr<Model::State> make_state(const std::vector<Symbol>& inputs, const std::vector<Symbol>& outputs,
                                         std::string name, bool sequential) {
  auto state = std::make_shared<Model::State>();
  state->sequential = sequential;
  state->name = !name.empty() ? std::move(name) : sequential ? "sequential" : "functional";
  NodeCollector collector(*state);
  for (const Symbol& input : inputs) {
    if (input.node().layer->class_name() != "InputLayer") fail("Model", "the inputs must come from Input().");
    state->inputs.push_back(collector.collect(input));
  }
  for (const Symbol& output : outputs) state->outputs.push_back(collector.collect(output));
  if (outputs.empty()) fail("Model", "needs at least one output.");
  for (std::size_t i = 0; i < state->nodes.size(); ++i)
    if (state->nodes[i].inputs.empty() && std::ranges::find(state->inputs, static_cast<int>(i)) == state->inputs.end())
      fail("Model", "an output depends on an Input that is not among the model's inputs.");
  name_layers(*state);
  if (!sequential) state->layers = layers_by_depth(state->nodes, state->outputs, state->layers);
  draw_weights(*state, seed(), true);
  return state;
}

std::shared_ptr<Model::State> make_sequential(const std::vector<LayerHandle>& layers, std::string name) {
  if (layers.empty() || layers.front()->class_name() != "InputLayer")
    fail("Sequential", "the first layer must be Input(shape), so that all shapes are known.");
  Symbol symbol = Symbol(
      std::make_shared<const SymbolNode>(layers.front().pointer(), std::vector<Symbol>(), layers.front()->output_shape({})));
  const Symbol input = symbol;
  for (std::size_t i = 1; i < layers.size(); ++i) {
    if (layers[i]->class_name() == "InputLayer") fail("Sequential", "only the first layer may be an Input.");
    symbol = layers[i](symbol);
  }
  return make_state({input}, {symbol}, std::move(name), true);
}

}  // namespace

std::uint64_t seed() { return seed_value().load(); }
void set_seed(std::uint64_t value) { seed_value() = value; }

std::string variable_name(const Layer& layer, const Weight& weight) { return layer.name + "/" + weight.name; }

Model::Model(Symbol input, Symbol output, std::string name)
    : state_(make_state({std::move(input)}, {std::move(output)}, std::move(name), false)) {}
Model::Model(std::vector<Symbol> inputs, std::vector<Symbol> outputs, std::string name)
    : state_(make_state(inputs, outputs, std::move(name), false)) {}
Sequential::Sequential(std::initializer_list<LayerHandle> layers, std::string name)
    : Model(make_sequential(layers, std::move(name))) {}
Sequential::Sequential(std::vector<LayerHandle> layers, std::string name) : Model(make_sequential(layers, std::move(name))) {}

const std::string& Model::name() const { return state_->name; }
bool Model::is_sequential() const { return state_->sequential; }
const std::vector<ModelNode>& Model::nodes() const { return state_->nodes; }
const std::vector<int>& Model::input_nodes() const { return state_->inputs; }
const std::vector<int>& Model::output_nodes() const { return state_->outputs; }
const std::vector<LayerPtr>& Model::layers() const { return state_->layers; }

Layer& Model::layer(std::string_view name) const {
  for (const LayerPtr& layer : state_->layers)
    if (layer->name == name) return *layer;
  fail("Model", "there is no layer named {} in {}.", name, state_->name);
}

std::int64_t Model::count_params() const {
  std::int64_t count = 0;
  for (const LayerPtr& layer : state_->layers)
    for (const Weight& weight : layer->weights()) count += weight.shape.elements();
  return count;
}

std::vector<Weight*> Model::weights() const {
  if (state_->programs) state_->programs->pull_weights();
  std::vector<Weight*> weights;
  for (const LayerPtr& layer : state_->layers)
    for (Weight& weight : layer->weights()) weights.push_back(&weight);
  return weights;
}

std::vector<Weight*> Model::trainable_weights() const {
  if (state_->programs) state_->programs->pull_weights();
  std::vector<Weight*> weights;
  for (const LayerPtr& layer : state_->layers)
    for (Weight& weight : layer->weights())
      if (layer->trainable && !weight.is_statistic) weights.push_back(&weight);
  return weights;
}

std::vector<Tensor> Model::get_weights() const {
  std::vector<Tensor> values;
  for (const Weight* weight : weights()) values.push_back(weight->value.clone());
  return values;
}

void Model::set_weights(const std::vector<Tensor>& values) {
  const std::vector<Weight*> targets = weights();
  if (values.size() != targets.size()) fail("set_weights", "the model has {} weights. Got {}.", targets.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i].shape() != targets[i]->shape)
      fail("set_weights", "weight {} ({}) has shape {}. Got {}.", i, targets[i]->name, to_string(targets[i]->shape),
           to_string(values[i].shape()));
  for (std::size_t i = 0; i < values.size(); ++i) targets[i]->value = values[i].cast(DType::kFloat32);
  if (state_->programs) state_->programs->push_weights();
}

void Model::initialize(std::uint64_t value) {
  draw_weights(*state_, value, false);
  if (state_->programs) state_->programs->push_weights();
}

void Model::compile(CompileOptions options) {
  if (!options.loss) fail("compile", "a loss is missing: .loss = \"sparse_categorical_crossentropy\".");
  if (state_->outputs.size() != 1 || state_->inputs.size() != 1)
    fail("compile", "only models with one input and one output can be trained. This one has {} and {}.", state_->inputs.size(),
         state_->outputs.size());
  for (const std::string& metric : options.metrics) make_metric(metric, *options.loss);  // an unknown name fails here
  (void)weights();  // what the engine knows, before it goes
  state_->programs.reset();
  state_->compiled = std::move(options);
}

bool Model::is_compiled() const { return state_->compiled.has_value(); }

const CompileOptions& Model::compiled() const {
  if (!state_->compiled)
    fail("Model", "{} is not compiled. Call compile({{.optimizer = ..., .loss = ...}}) first.", state_->name);
  return *state_->compiled;
}

std::string Model::engine_name() const {
  return std::string(state_->programs ? state_->programs->engine().name()
                                      : make_engine(state_->compiled ? state_->compiled->engine : "",
                                                    state_->compiled ? state_->compiled->device : "")
                                            ->name());
}

double Model::learning_rate() const {
  const double initial = compiled().optimizer.learning_rate;
  return state_->programs ? state_->programs->learning_rate() : initial;
}

void Model::set_learning_rate(double value) {
  (void)compiled();
  if (!(value >= 0 && std::isfinite(value))) fail("learning_rate", "must be a number that is not negative. Got {}.", value);
  Programs::of(*this).set_learning_rate(value);
}
OptimizerState Model::optimizer_state() const { return Programs::of(*this).optimizer_state(); }
void Model::set_optimizer_state(const OptimizerState& value) { Programs::of(*this).set_optimizer_state(value); }

Graph Model::training_graph(std::int64_t batch_size) const {
  return write_graph(*this, {.purpose = Purpose::kTraining, .batch_size = batch_size, .seed = tutti::seed()});
}
Graph Model::inference_graph(std::int64_t batch_size) const {
  return write_graph(*this, {.purpose = Purpose::kInference, .batch_size = batch_size});
}

void Model::summary() const { display().text(summary_text()); }

}  // namespace tutti
