#include "tutti/engines/native/fuse.h"

#include <algorithm>
#include <map>
#include <optional>

#include "tutti/engines/native/fused_conv.h"
#include "tutti/engines/native/fused_dense.h"
#include "tutti/engines/native/tune.h"
#include "tutti/tensor/tensor.h"

namespace tutti::native {
namespace {

constexpr int kNoNode = -1;

class Fuser {
 public:
  explicit Fuser(const Graph& graph);
  std::vector<Fusion> run();

 private:
  // A 2 x 2 max pooling behind a convolution and its relu, perhaps with dropout behind it, and the gradients of all of them.
  struct Pooled {
    int pool = kNoNode, dropout = kNoNode;
    int relu_grad = kNoNode, pool_grad = kNoNode, dropout_grad = kNoNode;  // none, or all that apply
  };

  // The gradient of a Pooled whose readers take the pooled gradient instead.
  struct Unpooling {
    std::vector<int> nodes;  // empty: some reader has them
    ValueId pooled;
    UnpooledGrad grad;
  };

  void fuse_convolution(int conv);
  bool fuse_norm(int conv);
  std::optional<Pooled> find_pooled(int relu) const;
  bool add_dropout(Pooled& pooled) const;
  void fuse_pooled(int conv, int relu, const Pooled& pooled);
  bool readers_unpool(ValueId dy) const;
  std::optional<UnpooledGrad> unpool(ValueId dy, std::vector<int>& nodes, ValueId& input);
  int bias_sum(int kernel_grad) const;
  void fuse_kernel_grad(int node);
  void fuse_input_grad(int node);
  void fuse_dense_update(int node);

  const Node& node(int index) const { return graph_.nodes()[static_cast<std::size_t>(index)]; }
  template <class AnyOp>
  const AnyOp* op(int index) const {
    return index == kNoNode ? nullptr : std::get_if<AnyOp>(&node(index).op);
  }
  ValueId first_output(int index) const { return node(index).outputs.front(); }
  const std::vector<int>& readers(ValueId value) const { return readers_[static_cast<std::size_t>(value)]; }
  bool pinned(ValueId value) const { return pinned_[static_cast<std::size_t>(value)]; }
  // The only reader of a value that nobody else needs.
  int sole_reader(ValueId value) const {
    return !pinned(value) && readers(value).size() == 1 ? readers(value).front() : kNoNode;
  }
  bool is_relu(int index) const { return op<Activation>(index) && op<Activation>(index)->kind == ActivationKind::kRelu; }
  bool is_relu_grad(int index) const {
    return op<ActivationGrad>(index) && op<ActivationGrad>(index)->kind == ActivationKind::kRelu;
  }
  bool is_float32(int index) const { return graph_.type(first_output(index)).dtype == DType::kFloat32; }
  bool read_only_after(ValueId value, int index) const {
    return std::ranges::all_of(readers(value), [&](int reader) { return reader > index; });
  }
  OpCall call_of(int index) const;
  void add(std::vector<int> nodes, std::vector<ValueId> inputs, std::vector<ValueId> outputs, std::unique_ptr<Kernel> kernel,
           std::vector<int> in_place = {});

  const Graph& graph_;
  std::vector<std::vector<int>> readers_;  // by value: nodes
  const std::vector<bool> constant_;       // by value
  std::vector<bool> pinned_;               // by value: an output or a variable's new value
  std::map<ValueId, Unpooling> unpooled_;
  std::vector<bool> fused_;  // by node
  std::vector<Fusion> fusions_;
};

Fuser::Fuser(const Graph& graph)
    : graph_(graph),
      readers_(graph.values().size()),
      constant_(constant_values(graph)),
      pinned_(graph.values().size()),
      fused_(graph.nodes().size()) {
  for (std::size_t index = 0; index < graph.nodes().size(); ++index)
    for (const ValueId input : graph.nodes()[index].inputs)
      readers_[static_cast<std::size_t>(input)].push_back(static_cast<int>(index));
  for (const NamedValue& output : graph.outputs()) pinned_[static_cast<std::size_t>(output.value)] = true;
  for (const Update& update : graph.updates()) pinned_[static_cast<std::size_t>(update.value)] = true;
}

// Forwards, so that a pooling is known before the gradients that gain from it.
std::vector<Fusion> Fuser::run() {
  for (int index = 0; index < static_cast<int>(graph_.nodes().size()); ++index) {
    if (!is_float32(index)) continue;
    if (op<Conv2D>(index)) fuse_convolution(index);
    if (op<Conv2DKernelGrad>(index)) fuse_kernel_grad(index);
    if (op<Conv2DInputGrad>(index)) fuse_input_grad(index);
    if (op<MatMul>(index)) fuse_dense_update(index);
  }
  return std::move(fusions_);
}

OpCall Fuser::call_of(int index) const {
  OpCall call{node(index).op, {}, {}};
  for (const ValueId input : node(index).inputs) {
    call.inputs.push_back(graph_.type(input));
    call.constant.push_back(constant_[static_cast<std::size_t>(input)]);
  }
  for (const ValueId output : node(index).outputs) call.outputs.push_back(graph_.type(output));
  return call;
}

void Fuser::add(std::vector<int> nodes, std::vector<ValueId> inputs, std::vector<ValueId> outputs,
                std::unique_ptr<Kernel> kernel, std::vector<int> in_place) {
  std::ranges::sort(nodes);
  for (const int each : nodes) fused_[static_cast<std::size_t>(each)] = true;
  fusions_.push_back({{std::move(nodes), std::move(inputs), std::move(outputs), std::move(in_place)}, std::move(kernel)});
}

void Fuser::fuse_convolution(int conv) {
  if (fuse_norm(conv)) return;
  const int relu = sole_reader(first_output(conv));
  if (!is_relu(relu)) return;
  const OpCall call = call_of(conv);
  if (choose_conv(call) == ConvAlgorithm::kWinograd4x4)
    if (const std::optional<Pooled> pooled = find_pooled(relu)) return fuse_pooled(conv, relu, *pooled);
  Prepared prepared = prepare_conv_relu(call, *op<Conv2D>(conv));
  if (prepared.kernel) add({conv, relu}, node(conv).inputs, node(relu).outputs, std::move(prepared.kernel));
}

// A normalisation behind it with constant statistics, and the relu behind that if the convolution can take it.
bool Fuser::fuse_norm(int conv) {
  const int norm = sole_reader(first_output(conv));
  const auto* inference = op<BatchNormInference>(norm);
  if (!inference || node(norm).inputs[0] != first_output(conv)) return false;
  std::vector<ValueId> inputs = node(conv).inputs;
  inputs.insert(inputs.begin() + 2, node(norm).inputs.begin() + 1, node(norm).inputs.end());
  const auto is_constant = [&](ValueId value) { return constant_[static_cast<std::size_t>(value)]; };
  if (!std::all_of(inputs.begin() + 1, inputs.end(), is_constant)) return false;
  const Conv2D& convolution = *op<Conv2D>(conv);
  if (const int relu = sole_reader(first_output(norm)); is_relu(relu)) {
    Prepared prepared = prepare_folded_conv(call_of(conv), convolution, inference->epsilon, true);
    if (prepared.kernel) {
      add({conv, norm, relu}, std::move(inputs), node(relu).outputs, std::move(prepared.kernel));
      return true;
    }
  }
  Prepared prepared = prepare_folded_conv(call_of(conv), convolution, inference->epsilon, false);
  if (!prepared.kernel) return false;
  add({conv, norm}, std::move(inputs), node(norm).outputs, std::move(prepared.kernel));
  return true;
}

std::optional<Fuser::Pooled> Fuser::find_pooled(int relu) const {
  const ValueId y = first_output(relu);
  if (pinned(y)) return {};
  Pooled found;
  for (const int reader : readers(y)) {
    if (op<MaxPool2D>(reader) && found.pool == kNoNode) {
      found.pool = reader;
    } else if (is_relu_grad(reader) && node(reader).inputs[0] != y && found.relu_grad == kNoNode) {
      found.relu_grad = reader;
    } else {
      return {};
    }
  }
  if (found.pool == kNoNode) return {};
  const MaxPool2D& pool = *op<MaxPool2D>(found.pool);
  if (pool.window != std::array{2, 2} || pool.strides != std::array{2, 2} || pool.padding != Padding2D{}) return {};
  const ValueId argmax = node(found.pool).outputs[1];
  if (pinned(argmax)) return {};
  if (!readers(argmax).empty()) {
    found.pool_grad = sole_reader(argmax);
    if (!op<MaxPool2DGrad>(found.pool_grad) || sole_reader(first_output(found.pool_grad)) != found.relu_grad) return {};
  }
  if ((found.pool_grad == kNoNode) != (found.relu_grad == kNoNode)) return {};
  if (Pooled with_dropout = found; add_dropout(with_dropout)) return with_dropout;
  return found;
}

bool Fuser::add_dropout(Pooled& pooled) const {
  const ValueId y = first_output(pooled.pool);
  pooled.dropout = sole_reader(y);
  if (!op<Dropout>(pooled.dropout) || op<Dropout>(pooled.dropout)->mask_shape != graph_.shape(y)) return false;
  const ValueId mask = node(pooled.dropout).outputs[1];
  if (pinned(mask)) return false;
  if (readers(mask).empty()) return pooled.pool_grad == kNoNode;
  pooled.dropout_grad = sole_reader(mask);
  return op<DropoutGrad>(pooled.dropout_grad) && pooled.pool_grad != kNoNode &&
         sole_reader(first_output(pooled.dropout_grad)) == pooled.pool_grad;
}

void Fuser::fuse_pooled(int conv, int relu, const Pooled& pooled) {
  const Shape shape = graph_.shape(first_output(pooled.pool));
  const auto* dropout = op<Dropout>(pooled.dropout);
  ConvPooling pooling{.dropout = dropout};
  if (dropout || pooled.pool_grad != kNoNode) pooling.codes = std::make_shared<Tensor>(shape, DType::kUInt8);
  std::vector<int> nodes{conv, relu, pooled.pool};
  std::vector<ValueId> inputs = node(conv).inputs;
  if (dropout) {
    nodes.push_back(pooled.dropout);
    inputs.push_back(node(pooled.dropout).inputs[1]);
  }
  const ValueId y = first_output(dropout ? pooled.dropout : pooled.pool);
  add(std::move(nodes), std::move(inputs), {y}, make_conv_pool(call_of(conv), *op<Conv2D>(conv), pooling));
  if (pooled.pool_grad == kNoNode) return;
  const int first = dropout ? pooled.dropout_grad : pooled.pool_grad;
  std::vector<int> grads{pooled.pool_grad, pooled.relu_grad};
  if (dropout) grads.push_back(first);
  const ValueId dy = first_output(pooled.relu_grad);
  const float scale = dropout ? static_cast<float>(1 / (1 - dropout->rate)) : 1.0f;
  const ValueId pooled_dy = node(first).inputs[0];
  if (readers_unpool(dy)) {
    unpooled_[dy] = {std::move(grads), pooled_dy, {shape, scale, pooling.codes}};
  } else {
    add(std::move(grads), {pooled_dy}, {dy}, make_unpool(shape, graph_.shape(dy), scale, pooling.codes));
  }
}

// True if all are gradients of a convolution that can take the pooled gradient.
bool Fuser::readers_unpool(ValueId dy) const {
  int kernel_grads = 0, bias_sums = 0;
  for (const int reader : readers(dy)) {
    const auto* input_grad = op<Conv2DInputGrad>(reader);
    const std::vector<ValueId>& inputs = node(reader).inputs;
    if (std::ranges::count(inputs, dy) != 1) return false;
    if (op<Reduce>(reader)) {
      ++bias_sums;
      continue;
    }
    if (!input_grad && !op<Conv2DKernelGrad>(reader)) return false;
    if (inputs[input_grad ? 0 : 1] != dy || (input_grad && !takes_unpooled(*input_grad))) return false;
    if (choose_conv(call_of(reader)) != ConvAlgorithm::kWinograd4x4) return false;
    if (input_grad) continue;
    ++kernel_grads;
    if (bias_sum(reader) != kNoNode) --bias_sums;  // which it computes
  }
  return !pinned(dy) && !readers(dy).empty() && kernel_grads <= 1 && bias_sums == 0;
}

// What the pooled gradient takes to stand for dy, or nothing. Adds the nodes that make dy to those of its first reader.
std::optional<UnpooledGrad> Fuser::unpool(ValueId dy, std::vector<int>& nodes, ValueId& input) {
  const auto found = unpooled_.find(dy);
  if (found == unpooled_.end()) return {};
  Unpooling& unpooling = found->second;
  nodes.insert(nodes.end(), unpooling.nodes.begin(), unpooling.nodes.end());
  unpooling.nodes.clear();
  input = unpooling.pooled;
  return unpooling.grad;
}

// The sum of dy that is the gradient of the bias, if it can run with the gradient of the kernel.
int Fuser::bias_sum(int kernel_grad) const {
  const auto fits = [&](int reader) {
    const auto* reduce = op<Reduce>(reader);
    if (!reduce || reduce->kind != ReduceKind::kSum || reduce->axes != std::vector{0, 1, 2} || reduce->keep_dims) return false;
    const int last = std::max(kernel_grad, reader);
    return !fused_[static_cast<std::size_t>(reader)] && read_only_after(first_output(kernel_grad), last) &&
           read_only_after(first_output(reader), last);
  };
  const std::vector<int>& candidates = readers(node(kernel_grad).inputs[1]);
  const auto found = std::ranges::find_if(candidates, fits);
  return found == candidates.end() ? kNoNode : *found;
}

void Fuser::fuse_kernel_grad(int index) {
  const OpCall call = call_of(index);
  const auto& grad = *op<Conv2DKernelGrad>(index);
  const Shape& kernel = call.outputs[0].shape;
  if (is_pointwise(grad, kernel) || is_depthwise(grad, kernel)) return;
  const bool is_direct = choose_conv(call) != ConvAlgorithm::kWinograd4x4;
  std::vector<int> nodes{index};
  std::vector<ValueId> inputs = node(index).inputs, outputs = node(index).outputs;
  if (const int bias = bias_sum(index); bias != kNoNode) {
    nodes.push_back(bias);
    outputs.push_back(first_output(bias));
  }
  const std::optional<UnpooledGrad> unpooled = unpool(inputs[1], nodes, inputs[1]);
  add(std::move(nodes), std::move(inputs), std::move(outputs),
      is_direct ? make_direct_kernel_and_bias_grad(call, grad) : make_kernel_and_bias_grad(call, grad, unpooled));
}

void Fuser::fuse_input_grad(int index) {
  const OpCall call = call_of(index);
  if (choose_conv(call) != ConvAlgorithm::kWinograd4x4) return;
  std::vector<int> nodes{index};
  std::vector<ValueId> inputs = node(index).inputs, outputs = node(index).outputs;
  const int relu = sole_reader(first_output(index));
  const bool gated = is_relu_grad(relu) && node(relu).inputs[0] == first_output(index);
  if (gated) {
    nodes.push_back(relu);
    inputs.push_back(node(relu).inputs[1]);
    outputs = node(relu).outputs;
  }
  const std::optional<UnpooledGrad> unpooled = unpool(inputs[0], nodes, inputs[0]);
  if (gated || unpooled)
    add(std::move(nodes), std::move(inputs), std::move(outputs),
        make_input_grad(call, *op<Conv2DInputGrad>(index), gated, unpooled));
}

void Fuser::fuse_dense_update(int index) {
  const MatMul& product = *op<MatMul>(index);
  const ValueId gradient = first_output(index);
  const int update = sole_reader(gradient);
  if (!product.transpose_a || product.transpose_b || node(index).inputs.size() > 2) return;
  if (!op<AdamUpdate>(update) || node(update).inputs[1] != gradient || graph_.shape(node(index).inputs[0])[0] == 0) return;
  const auto& adam = node(update).inputs;  // w, g, lr, step, m, v
  add({index, update}, {node(index).inputs[0], node(index).inputs[1], adam[0], adam[2], adam[3], adam[4], adam[5]},
      node(update).outputs, make_dense_adam(call_of(index), *op<AdamUpdate>(update)), {2, 5, 6});
}

}  // namespace

std::vector<Fusion> find_fusions(const Graph& graph) { return Fuser(graph).run(); }

}  // namespace tutti::native
