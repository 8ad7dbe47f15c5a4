#include "networks.h"

#include <cmath>

namespace tutti::conformance {
namespace {

using namespace op;

// Adam's usual 1e-7 would turn the rounding noise of a gradient near 0 into a full step of either sign; with this one an
// update is a smooth function of the gradient, and engines can be compared.
constexpr double kSmoothEpsilon = 1e-2;

constexpr Padding2D kSame3{1, 1, 1, 1};

// Writes a graph and draws the values of its variables and inputs.
class Builder {
 public:
  explicit Builder(DType dtype) : draw(dtype) {}

  ValueId input(const char* name, Tensor value) {
    const ValueId id = network.graph.input(name, value.type());
    network.feeds.push_back(std::move(value));
    return id;
  }
  ValueId variable(const std::string& name, Tensor value) {
    const ValueId id = network.graph.variable(name, value.type());
    network.variables.push_back(std::move(value));
    return id;
  }
  ValueId weight(const std::string& name, Tensor value) {
    weights.push_back(variable(name, std::move(value)));
    return weights.back();
  }
  ValueId zeros(const std::string& name, const Shape& shape) { return variable(name, Tensor(shape, draw.dtype())); }
  ValueId add(Op op, std::vector<ValueId> inputs) { return network.graph.add1(std::move(op), std::move(inputs)); }
  Shape shape(ValueId value) const { return network.graph.shape(value); }

  // x (n, h, w, c)
  ValueId conv(const std::string& name, ValueId x, Shape kernel, const ConvAttributes& attributes, bool bias = true) {
    const double scale = 1.5 / std::sqrt(static_cast<double>(kernel[0] * kernel[1] * kernel[2]));
    std::vector<ValueId> inputs{x, weight(name + "/kernel", draw.normal(kernel, scale))};
    if (bias) inputs.push_back(weight(name + "/bias", draw.normal({kernel[3]}, 0.1)));
    return add(Conv2D{attributes}, inputs);
  }
  // x (n, c)
  ValueId dense(const std::string& name, ValueId x, std::int64_t units) {
    const std::int64_t c = shape(x)[1];
    const ValueId kernel = weight(name + "/kernel", draw.normal({c, units}, 1 / std::sqrt(static_cast<double>(c))));
    return add(MatMul{}, {x, kernel, weight(name + "/bias", draw.normal({units}, 0.1))});
  }
  ValueId activation(ActivationKind kind, ValueId x) { return add(Activation{kind}, {x}); }
  ValueId flatten(ValueId x) { return add(Reshape{{shape(x)[0], shape(x).elements() / shape(x)[0]}}, {x}); }
  // In training, with moving statistics.
  ValueId batch_norm(const std::string& name, ValueId x) {
    const Shape c{shape(x)[-1]};
    const ValueId gamma = weight(name + "/gamma", draw.uniform(c, 0.5, 1.5)),
                  beta = weight(name + "/beta", draw.normal(c, 0.1));
    const std::vector<ValueId> outputs = network.graph.add(BatchNorm{}, {x, gamma, beta});
    for (std::size_t i = 1; i <= 2; ++i) {
      const ValueId moving = zeros(name + (i == 1 ? "/moving_mean" : "/moving_variance"), c);
      network.graph.update(moving, add(Axpby{0.9, 0.1}, {moving, outputs[i]}));
    }
    return outputs[0];
  }
  ValueId step() {
    if (step_ == kNoValue) {
      step_ = variable("step", Tensor::scalar<std::int64_t>(3));
      network.graph.update(step_, add(Increment{}, {step_}));
    }
    return step_;
  }
  ValueId mean(ValueId x) { return add(Reduce{ReduceKind::kMean, {}}, {x}); }
  std::vector<ValueId> gradients(ValueId loss) {
    network.graph.output("loss", loss);
    return add_gradients(network.graph, loss, weights);
  }
  std::string name_of_weight(std::size_t i) const {
    return network.graph.variables()[static_cast<std::size_t>(*network.graph.variable_of(weights[i]))].name;
  }

  Network network;
  Draws draw;
  std::vector<ValueId> weights;  // what is trained

 private:
  ValueId step_ = kNoValue;
};

void train_by_adam(Builder& b, ValueId loss, float learning_rate) {
  const std::vector<ValueId> gradients = b.gradients(loss);
  const ValueId lr = b.input("learning_rate", Tensor::scalar(learning_rate));
  for (std::size_t i = 0; i < b.weights.size(); ++i) {
    const std::string name = b.name_of_weight(i);
    const ValueId m = b.zeros(name + "/m", b.shape(b.weights[i])), v = b.zeros(name + "/v", b.shape(b.weights[i]));
    const std::vector<ValueId> updated =
        b.network.graph.add(AdamUpdate{.epsilon = kSmoothEpsilon}, {b.weights[i], gradients[i], lr, b.step(), m, v});
    b.network.graph.update(b.weights[i], updated[0]);
    b.network.graph.update(m, updated[1]);
    b.network.graph.update(v, updated[2]);
  }
}

// With each gradient's norm clipped.
void train_by_sgd(Builder& b, ValueId loss, float learning_rate, const SgdUpdate& op) {
  const std::vector<ValueId> gradients = b.gradients(loss);
  const ValueId lr = b.input("learning_rate", Tensor::scalar(learning_rate));
  for (std::size_t i = 0; i < b.weights.size(); ++i) {
    const ValueId norm = b.add(Reduce{ReduceKind::kSumSquares, {}}, {gradients[i]});
    const ValueId clipped = b.add(ClipByNorm{0.5}, {gradients[i], norm});
    const ValueId velocity = b.zeros(b.name_of_weight(i) + "/velocity", b.shape(b.weights[i]));
    const std::vector<ValueId> updated = b.network.graph.add(op, {b.weights[i], clipped, lr, velocity});
    b.network.graph.update(b.weights[i], updated[0]);
    b.network.graph.update(velocity, updated[1]);
  }
}

// (batch, 12, 10, 3) to (batch, 10) logits.
ValueId cnn_forward(Builder& b, std::int64_t batch, bool training) {
  const ValueId x = b.input("x", b.draw.normal({batch, 12, 10, 3}));
  const auto dropout = [&](ValueId value, std::uint32_t stream) {
    return training ? b.add(Dropout{0.25, 42, stream, b.shape(value)}, {value, b.step()}) : value;
  };
  ValueId y = b.activation(ActivationKind::kRelu, b.conv("conv1", x, {3, 3, 3, 16}, {.padding = kSame3}));
  y = b.activation(ActivationKind::kRelu, b.conv("conv2", y, {3, 3, 16, 20}, {}));
  y = dropout(b.add(MaxPool2D{}, {y}), 1);
  y = b.activation(ActivationKind::kRelu, b.conv("conv3", y, {3, 3, 20, 32}, {.padding = kSame3}));
  y = b.flatten(b.add(MaxPool2D{}, {y}));
  y = dropout(b.activation(ActivationKind::kRelu, b.dense("dense1", y, 40)), 2);
  return b.dense("dense2", y, 10);
}

// What the native engine fuses, with channels that fill no vector and images that fill no tile: pooling with and without
// dropout that leaves a row and a column out, convolutions without bias, a pooled value and a relu that others read, too.
Network pooling_sgd(std::int64_t batch) {
  Builder b(DType::kFloat32);
  const ValueId x = b.input("x", b.draw.normal({batch, 19, 17, 17}));
  const ValueId target = b.input("target", b.draw.one_hot({batch, 6}));
  const auto relu = [&](ValueId value) { return b.activation(ActivationKind::kRelu, value); };
  ValueId y = b.add(MaxPool2D{}, {relu(b.conv("conv1", x, {3, 3, 17, 19}, {.padding = kSame3}))});  // 9 x 8
  y = relu(b.conv("conv2", y, {3, 3, 19, 33}, {.padding = kSame3}, false));
  const ValueId skip = relu(b.conv("conv3", y, {3, 3, 33, 33}, {.padding = kSame3}));
  y = b.add(MaxPool2D{}, {b.add(Binary{BinaryKind::kAdd}, {skip, y})});  // 4 x 4
  y = relu(b.conv("conv4", y, {3, 3, 33, 18}, {.padding = kSame3}));
  y = b.add(MaxPool2D{}, {y});  // 2 x 2
  y = b.add(Dropout{0.5, 7, 1, b.shape(y)}, {y, b.step()});
  y = b.add(Binary{BinaryKind::kMul}, {y, y});
  y = relu(b.conv("conv5", y, {3, 3, 18, 16}, {.padding = kSame3}));
  const ValueId pooled = b.add(MaxPool2D{{.padding = {0, 0, 1, 1}}}, {y});  // padded: 1 x 2
  y = b.dense("dense", b.flatten(pooled), 6);
  b.network.graph.output("prediction", y);
  const ValueId loss = b.add(Loss{{.kind = LossKind::kCategoricalCrossEntropy, .from_logits = true}}, {y, target});
  train_by_sgd(b, b.mean(loss), 0.05f, {.momentum = 0.9});
  return std::move(b.network);
}

// Gradients that a pooling leaves: for a convolution padded by one, by none and one, and behind a sum of two convolutions whose
// biases have the same gradient.
Network pooled_gradients_sgd(std::int64_t batch) {
  Builder b(DType::kFloat32);
  const ValueId x = b.input("x", b.draw.normal({batch, 19, 17, 17}));
  const ValueId target = b.input("target", b.draw.one_hot({batch, 6}));
  const auto relu = [&](ValueId value) { return b.activation(ActivationKind::kRelu, value); };
  const ValueId left = b.conv("left", x, {3, 3, 17, 16}, {.padding = kSame3});
  const ValueId right = b.conv("right", x, {3, 3, 17, 16}, {.padding = kSame3});
  ValueId y = relu(b.add(Binary{BinaryKind::kAdd}, {left, right}));
  y = b.add(MaxPool2D{}, {relu(b.conv("padded", y, {3, 3, 16, 18}, {.padding = kSame3}))});  // 9 x 8
  y = b.add(Dropout{0.5, 7, 1, b.shape(y)}, {y, b.step()});
  y = b.add(MaxPool2D{}, {relu(b.conv("uneven", y, {3, 3, 18, 20}, {.padding = {0, 0, 1, 1}}))});  // 3 x 4
  y = b.dense("dense", b.flatten(y), 6);
  b.network.graph.output("prediction", y);
  const ValueId loss = b.add(Loss{{.kind = LossKind::kCategoricalCrossEntropy, .from_logits = true}}, {y, target});
  train_by_sgd(b, b.mean(loss), 0.05f, {.momentum = 0.9});
  return std::move(b.network);
}

// Two blocks of conv, batch norm, relu, with a shortcut; global average pooling; moving statistics.
Network resnet_sgd(std::int64_t batch) {
  Builder b(DType::kFloat32);
  const ValueId x = b.input("x", b.draw.normal({batch, 8, 8, 3}));
  const ValueId target = b.input("target", b.draw.one_hot({batch, 7}));
  const ValueId stem =
      b.activation(ActivationKind::kRelu, b.batch_norm("bn1", b.conv("conv1", x, {3, 3, 3, 16}, {.padding = kSame3}, false)));
  ValueId y = b.conv("conv2", stem, {3, 3, 16, 24}, {.strides = {2, 2}, .padding = {0, 1, 0, 1}}, false);
  y = b.activation(ActivationKind::kRelu, b.batch_norm("bn2", y));
  y = b.batch_norm("bn3", b.conv("conv3", y, {3, 3, 24, 24}, {.padding = kSame3}, false));
  const ValueId shortcut = b.conv("shortcut", stem, {1, 1, 16, 24}, {.strides = {2, 2}}, false);
  y = b.activation(ActivationKind::kRelu, b.add(Binary{BinaryKind::kAdd}, {y, shortcut}));
  y = b.dense("dense", b.add(Reduce{ReduceKind::kMean, {1, 2}}, {y}), 7);
  b.network.graph.output("prediction", y);
  const ValueId loss =
      b.add(Loss{{.kind = LossKind::kCategoricalCrossEntropy, .from_logits = true, .label_smoothing = 0.1}}, {y, target});
  train_by_sgd(b, b.mean(loss), 0.05f, {.momentum = 0.9, .nesterov = true, .weight_decay = 0.01});
  return std::move(b.network);
}

// Separable convolutions down, upsampling and concatenation up; sigmoid, binary cross-entropy, L2.
Network unet_adam(std::int64_t batch) {
  Builder b(DType::kFloat32);
  const ValueId x = b.input("x", b.draw.uniform({batch, 8, 12, 4}));
  const ValueId target = b.input("target", b.draw.whole_numbers({batch, 8, 12, 1}, 2));
  ValueId top = b.conv("depthwise1", x, {3, 3, 1, 8}, {.padding = kSame3, .groups = 4}, false);
  top = b.activation(ActivationKind::kSilu, b.conv("pointwise1", top, {1, 1, 8, 12}, {}));
  ValueId y = b.add(AveragePool2D{}, {top});
  y = b.conv("grouped", y, {3, 3, 6, 16}, {.dilations = {2, 2}, .padding = {2, 2, 2, 2}, .groups = 2});
  y = b.add(Upsample2D{}, {b.activation(ActivationKind::kElu, y)});
  y = b.add(Concat{3}, {y, top});
  y = b.activation(ActivationKind::kSigmoid, b.conv("head", y, {1, 1, 28, 1}, {}));
  b.network.graph.output("prediction", y);
  ValueId loss = b.mean(b.add(Loss{{LossKind::kBinaryCrossEntropy}}, {y, target}));
  const ValueId decay = b.add(Affine{1e-3}, {b.add(Reduce{ReduceKind::kSumSquares, {}}, {b.weights.front()})});
  loss = b.add(Binary{BinaryKind::kAdd}, {loss, decay});
  train_by_adam(b, loss, 0.01f);
  return std::move(b.network);
}

// Layer norm, gelu, tanh, spatial shapes of odd sizes, Huber; a value that several nodes read.
Network mlp_adam(std::int64_t batch, DType dtype) {
  Builder b(dtype);
  const ValueId x = b.input("x", b.draw.normal({batch, 37}));
  const ValueId target = b.input("target", b.draw.normal({batch, 5}));
  ValueId y = b.activation(ActivationKind::kGelu, b.dense("dense1", x, 33));
  const Shape c{33};
  const ValueId gamma = b.weight("norm/gamma", b.draw.uniform(c, 0.5, 1.5)), beta = b.weight("norm/beta", b.draw.normal(c));
  const ValueId skip = b.add(LayerNorm{}, {y, gamma, beta});
  y = b.activation(ActivationKind::kTanh, b.dense("dense2", skip, 33));
  y = b.add(Binary{BinaryKind::kMul}, {b.add(Binary{BinaryKind::kAdd}, {y, skip}), skip});
  y = b.dense("dense3", y, 5);
  b.network.graph.output("prediction", y);
  train_by_adam(b, b.mean(b.add(Loss{{LossKind::kHuber}}, {y, target})), 0.01f);
  return std::move(b.network);
}

// Updates that are easy to get wrong: variables that swap, one that is set to an input, outputs that are an input, a
// variable's old value, a reshape of it; a value that two nodes may both want to overwrite.
Network swaps() {
  Builder b(DType::kFloat32);
  Graph& graph = b.network.graph;
  const ValueId x = b.input("x", b.draw.normal({3, 5}));
  const ValueId first = b.variable("first", b.draw.normal({3, 5})), second = b.variable("second", b.draw.normal({3, 5}));
  const ValueId last = b.variable("last", b.draw.normal({3, 5})), sum = b.zeros("sum", {15});
  const ValueId unused = b.variable("unused", b.draw.normal({2}));
  graph.update(first, second);
  graph.update(second, first);
  graph.update(last, x);
  const ValueId flat = b.add(Reshape{{15}}, {x});
  graph.update(sum, b.add(Axpby{0.5, 2}, {sum, flat}));
  const ValueId relu = b.activation(ActivationKind::kRelu, b.add(Affine{2, 1}, {first}));
  graph.output("input", x);
  graph.output("old", first);
  graph.output("flat_input", flat);
  graph.output("relu", relu);
  graph.output("relu_squared", b.add(Unary{UnaryKind::kSquare}, {relu}));
  graph.output("relu_negated", b.add(Unary{UnaryKind::kNeg}, {relu}));
  graph.output("unused", unused);
  graph.output("constant", b.add(Fill{{DType::kFloat32, {4}}, 2.5}, {}));
  return std::move(b.network);
}

}  // namespace

Network cnn_prediction(std::int64_t batch, DType dtype) {
  Builder b(dtype);
  const ValueId logits = cnn_forward(b, batch, false);
  b.network.graph.output("prediction", b.add(Softmax{}, {logits}));
  return std::move(b.network);
}

Network cnn_adam(std::int64_t batch, DType dtype) {
  Builder b(dtype);
  const ValueId logits = cnn_forward(b, batch, true);
  const ValueId target = b.input("target", b.draw.labels({batch}, 10));
  const ValueId prediction = b.add(Softmax{}, {logits});
  b.network.graph.output("prediction", prediction);
  const ValueId losses = b.add(Loss{{LossKind::kSparseCategoricalCrossEntropy}}, {prediction, target});
  train_by_adam(b, b.mean(losses), 0.01f);
  return std::move(b.network);
}

const std::vector<NetworkCase>& networks() {
  static const std::vector<NetworkCase> all{
      {"cnn_adam_batch1", [] { return cnn_adam(1); }},
      {"cnn_adam_batch7", [] { return cnn_adam(7); }},
      {"cnn_adam_batch16", [] { return cnn_adam(16); }},
      {"cnn_adam_batch3_float64", [] { return cnn_adam(3, DType::kFloat64); }},
      {"cnn_prediction_batch1", [] { return cnn_prediction(1); }, false},
      {"cnn_prediction_batch5", [] { return cnn_prediction(5); }, false},
      {"pooling_sgd_batch15", [] { return pooling_sgd(15); }},
      {"pooled_gradients_sgd_batch7", [] { return pooled_gradients_sgd(7); }},
      {"resnet_sgd_batch6", [] { return resnet_sgd(6); }},
      {"unet_adam_batch3", [] { return unet_adam(3); }},
      {"mlp_adam_batch9", [] { return mlp_adam(9, DType::kFloat32); }},
      {"mlp_adam_batch5_float64", [] { return mlp_adam(5, DType::kFloat64); }},
      {"swaps", swaps},
  };
  return all;
}

}  // namespace tutti::conformance
