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

  void fuse_convolution(int conv);
  bool fuse_norm(int conv);
  std::optional<Pooled> find_pooled(int relu) const;
  bool add_dropout(Pooled& pooled) const;
  void fuse_pooled(int conv, int relu, const Pooled& pooled);
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
  std::vector<std::vector<int>> readers_;                             // by value: nodes
  const std::vector<bool> constant_;                                  // by value
  std::vector<bool> pinned_;                                          // by value: an output or a variable's new value
  std::map<ValueId, std::pair<std::int64_t, std::int64_t>> covered_;  // rows and columns of a gradient that may differ from 0
  std::vector<Fusion> fusions_;
};

Fuser::Fuser(const Graph& graph)
    : graph_(graph), readers_(graph.values().size()), constant_(constant_values(graph)), pinned_(graph.values().size()) {
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
  add(std::move(grads), {node(first).inputs[0]}, {dy}, make_unpool(shape, graph_.shape(dy), scale, pooling.codes));
  covered_[dy] = {2 * shape[1], 2 * shape[2]};
}

void Fuser::fuse_kernel_grad(int index) {
  const OpCall call = call_of(index);
  const auto& grad = *op<Conv2DKernelGrad>(index);
  if (choose_conv(call) != ConvAlgorithm::kWinograd4x4) return;
  const ValueId dy = node(index).inputs[1];
  const auto sums_bias = [&](int reader) {
    const auto* reduce = op<Reduce>(reader);
    if (!reduce || reduce->kind != ReduceKind::kSum || reduce->axes != std::vector{0, 1, 2} || reduce->keep_dims) return false;
    const int last = std::max(index, reader);
    return read_only_after(first_output(index), last) && read_only_after(first_output(reader), last);
  };
  const auto bias = std::ranges::find_if(readers(dy), sums_bias);
  const auto covered = covered_.find(dy);
  const auto [rows, columns] =
      covered != covered_.end() ? covered->second : std::pair{call.inputs[1].shape[1], call.inputs[1].shape[2]};
  std::unique_ptr<Kernel> kernel = make_kernel_and_bias_grad(call, grad, rows, columns);
  if (bias == readers(dy).end()) return add({index}, node(index).inputs, node(index).outputs, std::move(kernel));
  add({index, *bias}, node(index).inputs, {first_output(index), first_output(*bias)}, std::move(kernel));
}

void Fuser::fuse_input_grad(int index) {
  const OpCall call = call_of(index);
  const auto& grad = *op<Conv2DInputGrad>(index);
  const int relu = sole_reader(first_output(index));
  if (!is_relu_grad(relu) || node(relu).inputs[0] != first_output(index)) return;
  if (choose_conv(call) != ConvAlgorithm::kWinograd4x4) return;
  std::vector<ValueId> inputs = node(index).inputs;
  inputs.push_back(node(relu).inputs[1]);
  add({index, relu}, std::move(inputs), node(relu).outputs, make_gated_input_grad(call, grad));
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
