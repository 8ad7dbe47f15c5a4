// Writes small models of many kinds in every dialect, with what a Keras that loads them must find: see README.md.
//   real_keras_cases FOLDER [PART_OF_A_NAME]
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tutti/data/npy.h"
#include "tutti/formats/keras/keras.h"
#include "tutti/tutti.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;
constexpr int kBatch = 6;

Tensor random_tensor(Shape shape, std::uint32_t stream) {
  shape[0] = kBatch;
  return Initializer("random_uniform")(shape, 7, stream);
}

struct Case {
  Model model;
  Optimizer optimizer = "adam";
  LossFunction loss = "categorical_crossentropy";
  std::vector<std::string> metrics = {"accuracy"};
};

// Every weight away from its initial value, so that biases, gammas and statistics count.
void disturb(Model& model) {
  std::vector<Tensor> weights;
  std::uint32_t stream = 100;
  for (const Weight* weight : model.weights()) {
    Tensor value = weight->value.clone();
    const Tensor noise = Initializer("random_uniform")(value.shape(), 7, stream++);  // within 0.05
    for (std::size_t i = 0; i < value.data<float>().size(); ++i) value.data<float>()[i] += 2 * std::abs(noise.data<float>()[i]);
    weights.push_back(value);
  }
  model.set_weights(weights);
}

// Class indices, one-hot rows or any values, as the loss wants them.
Tensor target_for(const LossFunction& loss, Shape shape) {
  shape[0] = kBatch;
  const auto classes = static_cast<std::size_t>(shape[-1]);
  if (loss.is_sparse()) {
    Tensor labels({kBatch}, DType::kInt32);
    for (std::size_t i = 0; i < kBatch; ++i) labels.data<std::int32_t>()[i] = static_cast<std::int32_t>(i % classes);
    return labels;
  }
  if (loss.name().find("crossentropy") == std::string::npos) return random_tensor(shape, 1);
  Tensor rows(shape);
  for (std::size_t i = 0; i < kBatch; ++i) rows.data<float>()[i * classes + i % classes] = 1.0f;
  return rows;
}

void write(const fs::path& folder, Case each) {
  fs::create_directories(folder);
  Model& model = each.model;
  disturb(model);
  const Shape input = model.nodes()[static_cast<std::size_t>(model.input_nodes().front())].shape;
  const Shape output = model.nodes()[static_cast<std::size_t>(model.output_nodes().front())].shape;
  const Tensor x = random_tensor(input, 2), y = target_for(each.loss, output);
  model.compile({.optimizer = each.optimizer, .loss = each.loss, .metrics = each.metrics});
  for (int step = 0; step < 3; ++step) model.train_on_batch(x, y);
  write_npy(folder / "x.npy", x);
  write_npy(folder / "y.npy", y);
  write_npy(folder / "predicted.npy", model.predict(x));
  for (const auto& [name, dialect] :
       {std::pair{"portable", KerasDialect::kPortable}, {"keras20", KerasDialect::kKeras20}, {"keras3", KerasDialect::kKeras3}})
    save_model(model, folder / fmt::format("{}.h5", name), {.dialect = dialect});
  model.save_weights(folder / "w.h5");
  model.save_weights(folder / "w.weights.h5");
  std::ofstream(folder / "model.json") << model.to_json();
  const OptimizerState state = model.optimizer_state();
  const Json info = {{"sequential", model.is_sequential()},
                     {"step", state.step},
                     {"rate", state.learning_rate},
                     {"loss", model.evaluate(x, y).at("loss")}};
  std::ofstream(folder / "info.json") << info.dump(1);
}

// A layer in an image model, and one between dense layers.
Model around(const LayerHandle& layer) {
  return Sequential(
      {Input({8, 8, 4}), Conv2D(6, {3, 3}, {.padding = "same"}), layer, Flatten(), Dense(5, {.activation = "softmax"})});
}
Model between(const LayerHandle& layer) {
  return Sequential({Input({12}), Dense(10), layer, Dense(5, {.activation = "softmax"})});
}
Model perceptron(const char* last = "softmax") {
  return Sequential({Input({7}), Dense(9, {.activation = "tanh"}), Dense(7, {.activation = last})});
}
// Names whose alphabetical order is not the graph's, batch statistics and a frozen layer.
Model branches() {
  const Symbol in = Input({7}, {.name = "inp"});
  const Symbol a = Dense(6, {.activation = "tanh", .name = "zeta"})(in);
  const Symbol b = Dense(6, {.activation = "tanh", .name = "alpha"})(in);
  const LayerHandle frozen = Dense(6, {.name = "frozen"});
  const Symbol sum = frozen(BatchNormalization()(Add()({a, b})));
  frozen->trainable = false;
  return Model(in, Dense(4, {.activation = "softmax", .name = "head"})(sum), "branches");
}
Model shared() {
  const Symbol in = Input({6});
  const LayerHandle dense = Dense(6, {.activation = "tanh"});
  return Model(in, Dense(3, {.activation = "softmax"})(Add()({dense(dense(in)), in})), "shared");
}

using Cases = std::vector<std::pair<std::string, std::function<Case()>>>;

void add_layers(Cases& cases) {
  const auto image = [&](const char* name, std::function<LayerHandle()> layer) {
    cases.emplace_back(fmt::format("layer_{}", name), [layer] { return Case{around(layer())}; });
  };
  image("conv", [] { return Conv2D(4, {3, 2}, {.strides = {2, 1}}); });
  image("conv_same", [] { return Conv2D(4, {3, 3}, {.padding = "same"}); });
  image("conv_dilated", [] { return Conv2D(4, {3, 3}, {.padding = "same", .dilation_rate = {2, 2}}); });
  image("conv_groups", [] { return Conv2D(4, {3, 3}, {.groups = 2}); });
  image("depthwise", [] { return DepthwiseConv2D({3, 3}, {.depth_multiplier = 2, .activation = "relu"}); });
  image("separable", [] { return SeparableConv2D(5, {3, 3}, {.depth_multiplier = 2}); });
  image("batch_normalization", [] { return BatchNormalization({.momentum = 0.9, .scale = false}); });
  image("layer_normalization", [] { return LayerNormalization(); });
  image("relu", [] { return ReLU({.max_value = 2.0, .negative_slope = 0.1}); });
  image("leaky_relu", [] { return LeakyReLU(0.1); });
  image("elu", [] { return ELU(0.7); });
  image("softmax", [] { return Softmax(); });
  image("dropout", [] { return Dropout(0.4, {.seed = 3}); });
  image("spatial_dropout", [] { return SpatialDropout2D(0.3); });
  image("max_pooling", [] { return MaxPooling2D({3, 3}, {.strides = {2, 2}}); });
  image("average_pooling", [] { return AveragePooling2D({2, 2}); });
  image("keepdims", [] { return GlobalAveragePooling2D({.keepdims = true}); });
  image("zero_padding", [] { return ZeroPadding2D({1, 0, 2, 3}); });
  image("cropping", [] { return Cropping2D({1, 2, 0, 1}); });
  image("up_sampling", [] { return UpSampling2D({2, 3}); });
  image("reshape", [] { return Reshape({16, -1}); });
  image("permute", [] { return Permute({3, 1, 2}); });
  image("rescaling", [] { return Rescaling(0.5, -0.1); });
  image("activity_penalty", [] { return Conv2D(4, {3, 3}, {.activity_regularizer = L1(0.001)}); });
  for (const char* activation : {"softmax", "relu", "relu6", "elu", "selu", "gelu", "silu", "sigmoid", "tanh", "softplus",
                                 "softsign", "exponential", "hard_sigmoid", "hard_sigmoid_keras2"})
    cases.emplace_back(fmt::format("activation_{}", activation),
                       [activation] { return Case{between(Dense(8, {.activation = activation}))}; });
  for (const char* initializer :
       {"glorot_normal", "he_uniform", "lecun_normal", "truncated_normal", "variance_scaling", "orthogonal", "identity"})
    cases.emplace_back(fmt::format("initializer_{}", initializer),
                       [initializer] { return Case{between(Dense(10, {.kernel_initializer = initializer}))}; });
  cases.emplace_back("regularizers", [] {
    return Case{between(Dense(8, {.kernel_regularizer = L1L2(0.02, 0.03), .bias_regularizer = L2(0.01)}))};
  });
  cases.emplace_back("branches", [] { return Case{branches()}; });
  cases.emplace_back("shared", [] { return Case{shared()}; });
}

void add_trainings(Cases& cases) {
  const std::pair<const char*, Optimizer> optimizers[] = {
      {"sgd", SGD({.learning_rate = 0.1, .momentum = 0.9, .nesterov = true})},
      {"rmsprop", RMSprop({.rho = 0.8})},
      {"adam", Adam({.epsilon = 1e-4})},
      {"adam_rate", Adam({.learning_rate = 0.01})},
      {"adamw", AdamW()},
      {"nadam", Nadam()},
      {"adagrad", Adagrad({.learning_rate = 0.05, .initial_accumulator_value = 0.2})},
      {"clipvalue", Adam({.common = {.clipvalue = 0.01}})}};
  for (const auto& [name, optimizer] : optimizers) {
    cases.emplace_back(fmt::format("optimizer_{}", name), [optimizer] { return Case{perceptron(), optimizer}; });
    cases.emplace_back(fmt::format("optimizer_branches_{}", name), [optimizer] { return Case{branches(), optimizer}; });
  }
  const auto loss = [&](const char* name, LossFunction function, std::vector<std::string> metrics, const char* last) {
    cases.emplace_back(fmt::format("loss_{}", name), [=] { return Case{perceptron(last), "sgd", function, metrics}; });
  };
  loss("categorical", "categorical_crossentropy", {"accuracy", "top_3_accuracy"}, "softmax");
  loss("smoothed", CategoricalCrossentropy({.label_smoothing = 0.1}), {"categorical_accuracy"}, "softmax");
  loss("sparse", "sparse_categorical_crossentropy", {"accuracy", "top_3_accuracy"}, "softmax");
  loss("logits", SparseCategoricalCrossentropy({.from_logits = true}), {"accuracy"}, "linear");
  loss("binary", "binary_crossentropy", {"accuracy", "precision", "recall"}, "sigmoid");
  loss("mse", "mse", {"mae"}, "linear");
  loss("huber", "huber", {}, "linear");
}

int run(const fs::path& folder, std::string_view part) {
  set_seed(7);
  Cases cases;
  add_layers(cases);
  add_trainings(cases);
  int written = 0;
  for (const auto& [name, make] : cases) {
    if (name.find(part) == std::string::npos) continue;
    write(folder / name, make());
    ++written;
  }
  std::cout << written << " models\n";
  return 0;
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) try {
  if (argc < 2) tutti::fail("real_keras_cases", "expected a folder.");
  return tutti::run(argv[1], argc > 2 ? argv[2] : "");
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
