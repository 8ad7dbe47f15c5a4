#include "tutti/nn/graph_writer.h"

#include <algorithm>
#include <map>

#include "tutti/base/error.h"
#include "tutti/base/philox.h"
#include "tutti/nn/layers/input.h"
#include "tutti/nn/model_state.h"

namespace tutti {
namespace {

// Writes all layers of one model into one graph.
class Writer : public LayerContext {
 public:
  Writer(const Model& model, const GraphRequest& request) : model_(model), request_(request) {}

  Graph write() {
    for (const LayerPtr& layer : model_.layers())
      for (const Weight& weight : layer->weights()) {
        const ValueId value = graph_.variable(variable_name(*layer, weight), {DType::kFloat32, weight.shape});
        weights_[&weight] = {value, value, layer->trainable && !weight.is_statistic};
        order_.push_back(&weight);
      }
    write_layers();
    if (request_.purpose != Purpose::kInference) {
      write_loss();
      if (training()) write_updates();
      graph_.output("loss", loss_);
    }
    const std::vector<int>& outputs = model_.output_nodes();
    for (std::size_t i = 0; i < outputs.size(); ++i)
      graph_.output(outputs.size() == 1 ? "prediction" : fmt::format("prediction{}", i),
                    values_[static_cast<std::size_t>(outputs[i])]);
    return std::move(graph_);
  }

  Graph& graph() override { return graph_; }
  bool training() const override { return request_.purpose == Purpose::kTraining; }
  ValueId weight(int i) override { return weights_.at(&layer_->weights()[static_cast<std::size_t>(i)]).current; }
  // A layer that is called twice sees, the second time, what the first left.
  void update_weight(int i, ValueId value) override {
    weights_.at(&layer_->weights()[static_cast<std::size_t>(i)]).current = value;
  }
  void add_loss(ValueId scalar) override {
    penalty_ = penalty_ == kNoValue ? scalar : graph_.add1(op::Binary{op::BinaryKind::kAdd}, {penalty_, scalar});
  }
  std::uint64_t seed() const override { return request_.seed; }
  std::uint32_t stream() const override { return stream_of(fmt::format("{}#{}", layer_->name, call_).c_str()); }
  ValueId step() override {
    if (step_ == kNoValue) step_ = graph_.variable(kIterationVariable, {DType::kInt64, {}});
    return step_;
  }

 private:
  struct WeightValue {
    ValueId variable, current;
    bool trained;
  };

  void write_layers() {
    std::map<const Layer*, int> calls;
    const std::vector<int>& inputs = model_.input_nodes();
    for (std::size_t at = 0; at < model_.nodes().size(); ++at) {
      const ModelNode& node = model_.nodes()[at];
      layer_ = node.layer.get();
      call_ = calls[layer_]++;
      if (node.inputs.empty()) {
        const auto position = std::ranges::find(inputs, static_cast<int>(at)) - inputs.begin();
        Shape shape = node.shape;
        shape[0] = request_.batch_size;
        values_.push_back(graph_.input(inputs.size() == 1 ? "x" : fmt::format("x{}", position), {DType::kFloat32, shape}));
        continue;
      }
      std::vector<ValueId> arguments;
      for (const int input : node.inputs) arguments.push_back(values_[static_cast<std::size_t>(input)]);
      graph_.set_origin({layer_->name, Node::Phase::kForward});
      values_.push_back(layer_->call(*this, arguments));
      if (request_.trace) {
        const std::string name = kLayerOutput + layer_->name + (call_ > 0 ? fmt::format("#{}", call_) : "");
        graph_.output(name, values_.back());
        traced_.push_back({name, values_.back()});
      }
    }
  }

  void write_loss() {
    const LossFunction& loss = *model_.compiled().loss;
    const ValueId prediction = values_[static_cast<std::size_t>(model_.output_nodes().front())];
    TensorType target{DType::kFloat32, graph_.shape(prediction)};
    if (loss.is_sparse()) {
      std::vector<std::int64_t> extents = target.shape.extents();
      extents.pop_back();
      target = {DType::kInt32, Shape(extents)};
    }
    const ValueId y = graph_.input("y", target);
    graph_.set_origin({"", Node::Phase::kForward});
    const ValueId losses = graph_.add1(op::Loss{loss.attributes()}, {prediction, y});
    loss_ = graph_.add1(op::Reduce{op::ReduceKind::kMean, {}, false}, {losses});
    for (const Weight* weight : order_) write_penalty(*weight);
    if (penalty_ != kNoValue) loss_ = graph_.add1(op::Binary{op::BinaryKind::kAdd}, {loss_, penalty_});
  }

  // Of a frozen weight there is none, as in Keras (keras/src/layers/layer.py: _get_regularization_losses).
  void write_penalty(const Weight& weight) {
    if (!weights_.at(&weight).trained) return;
    const auto add = [&](op::ReduceKind kind, double factor) {
      if (factor == 0.0) return;
      const ValueId sum = graph_.add1(op::Reduce{kind, {}, false}, {weights_.at(&weight).variable});
      add_loss(graph_.add1(op::Affine{.scale = factor}, {sum}));
    };
    add(op::ReduceKind::kSumAbs, weight.regularizer.l1);
    add(op::ReduceKind::kSumSquares, weight.regularizer.l2);
  }

  void write_updates() {
    const Optimizer& optimizer = model_.compiled().optimizer;
    std::vector<ValueId> trained;
    Optimizer::Variables variables{graph_.variable(kLearningRateVariable, {DType::kFloat32, {}}), step(), {}, {}};
    for (const std::string& scalar : optimizer.rule().scalars())
      variables.scalars.push_back(graph_.variable(optimizer_variable_name(scalar), {DType::kFloat32, {}}));
    for (const Weight* weight : order_) {
      const WeightValue& value = weights_.at(weight);
      if (!value.trained) continue;
      trained.push_back(value.variable);
      const std::string& name = graph_.values()[static_cast<std::size_t>(value.variable)].name;
      auto& slots = variables.slots.emplace_back();
      for (const std::string& slot : optimizer.rule().slots())
        slots.push_back(graph_.variable(slot_variable_name(name, slot), {DType::kFloat32, weight->shape}));
    }
    std::vector<ValueId> targets = trained;
    for (const NamedValue& layer : traced_) targets.push_back(layer.value);
    std::vector<ValueId> gradients = add_gradients(graph_, loss_, targets);
    if (request_.trace) trace_gradients(trained, gradients);
    gradients.resize(trained.size());
    for (const Weight* weight : order_)  // statistics
      if (const WeightValue& value = weights_.at(weight); value.current != value.variable)
        graph_.update(value.variable, value.current);
    optimizer.add_updates(graph_, trained, gradients, variables);
  }

  // gradients: of the trained weights, then of the traced layers.
  void trace_gradients(const std::vector<ValueId>& trained, const std::vector<ValueId>& gradients) {
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (gradients[i] == kNoValue) continue;
      const std::string name =
          i < trained.size() ? graph_.values()[static_cast<std::size_t>(trained[i])].name : traced_[i - trained.size()].name;
      graph_.output(kGradientOutput + name, gradients[i]);
    }
  }

  const Model& model_;
  const GraphRequest& request_;
  Graph graph_;
  std::map<const Weight*, WeightValue> weights_;
  std::vector<const Weight*> order_;
  std::vector<ValueId> values_;  // of the nodes
  std::vector<NamedValue> traced_;
  const Layer* layer_ = nullptr;
  int call_ = 0;
  ValueId step_ = kNoValue, loss_ = kNoValue, penalty_ = kNoValue;
};

}  // namespace

Graph write_graph(const Model& model, const GraphRequest& request) {
  if (request.batch_size < 1 || request.batch_size > kMaxElements)
    fail("Model", "the batch size must be from 1 to {}. Got {}.", kMaxElements, request.batch_size);
  return Writer(model, request).write();
}

std::string slot_variable_name(std::string_view weight_variable, std::string_view slot) {
  return fmt::format("{}/{}", weight_variable, slot);
}
std::string optimizer_variable_name(std::string_view scalar) { return fmt::format("optimizer/{}", scalar); }

}  // namespace tutti
