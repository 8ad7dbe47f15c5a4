// Layers, models and training.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/philox.h"
#include "tutti/nn/callbacks.h"
#include "tutti/nn/layers.h"
#include "tutti/nn/model.h"

namespace tutti {
namespace {

Tensor random_tensor(const Shape& shape, std::uint32_t stream) { return Initializer("random_normal")(shape, 11, stream); }

Model reference_cnn() {
  return Sequential({Input({32, 32, 3}), Conv2D(32, {3, 3}, {.padding = "same"}), Activation("relu"), Conv2D(32, {3, 3}),
                     Activation("relu"), MaxPooling2D({2, 2}), Dropout(0.25), Conv2D(64, {3, 3}, {.padding = "same"}),
                     Activation("relu"), Conv2D(64, {3, 3}), Activation("relu"), MaxPooling2D({2, 2}), Dropout(0.25), Flatten(),
                     Dense(512), Activation("relu"), Dropout(0.5), Dense(10), Activation("softmax")});
}

TEST(Model, TheReferenceCnnHasTheArticlesParameters) {
  const Model model = reference_cnn();
  EXPECT_EQ(model.count_params(), 1250858);
  const std::string table = model.summary_text();
  EXPECT_NE(table.find("Model: \"sequential\"\n┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓\n"
                       "┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃\n"),
            std::string::npos);
  EXPECT_NE(table.find("│ conv2d_3 (Conv2D)               │ (None, 13, 13, 64)     │        36,928 │\n"), std::string::npos)
      << table;
  EXPECT_NE(
      table.find(
          " Total params: 1,250,858 (4.77 MB)\n Trainable params: 1,250,858 (4.77 MB)\n Non-trainable params: 0 (0.00 B)\n"),
      std::string::npos);
}

// Every layer goes through this: shapes, weights, config round trip, one training step, the same predictions after a rebuild.
struct LayerCase {
  std::string name;
  Shape input;
  std::function<Symbol(Symbol)> apply;
};

std::vector<LayerCase> layer_cases() {
  const Shape image{6, 5, 4};
  const auto one = [](LayerHandle layer) { return [layer](Symbol x) { return layer(x); }; };
  std::vector<LayerCase> cases{
      {"Dense",
       {7},
       one(Dense(3, {.activation = "gelu", .kernel_regularizer = L1L2(0.01, 0.02), .activity_regularizer = L2(0.001)}))},
      {"DenseOnRows", {5, 7}, one(Dense(3))},
      {"Conv2D", image, one(Conv2D(6, {3, 2}, {.strides = {2, 1}, .padding = "same", .groups = 2, .activation = "silu"}))},
      {"Conv2DDilated", image, one(Conv2D(3, {2, 2}, {.dilation_rate = {2, 2}, .use_bias = false}))},
      {"DepthwiseConv2D", image, one(DepthwiseConv2D({3, 3}, {.padding = "same", .depth_multiplier = 2}))},
      {"SeparableConv2D", image, one(SeparableConv2D(5, {3, 3}, {.depth_multiplier = 2, .activation = "relu"}))},
      {"MaxPooling2D", image, one(MaxPooling2D({3, 2}, {.strides = {2, 2}, .padding = "same"}))},
      {"AveragePooling2D", image, one(AveragePooling2D({2, 2}, {.padding = "same"}))},
      {"GlobalAveragePooling2D", image, one(GlobalAveragePooling2D())},
      {"GlobalMaxPooling2D", image, one(GlobalMaxPooling2D({.keepdims = true}))},
      {"BatchNormalization", image, one(BatchNormalization({.momentum = 0.9}))},
      {"BatchNormalizationAxis1", image, one(BatchNormalization({.axis = 1, .scale = false}))},
      {"LayerNormalization", {9}, one(LayerNormalization())},
      {"Dropout", image, one(Dropout(0.3))},
      {"SpatialDropout2D", image, one(SpatialDropout2D(0.3))},
      {"ReLU", image, one(ReLU({.max_value = 0.5, .negative_slope = 0.1}))},
      {"LeakyReLU", image, one(LeakyReLU())},
      {"ELU", image, one(ELU(0.7))},
      {"Softmax", {4}, one(Softmax())},
      {"ZeroPadding2D", image, one(ZeroPadding2D({1, 0, 2, 1}))},
      {"Cropping2D", image, one(Cropping2D({1, 1, 0, 2}))},
      {"UpSampling2D", image, one(UpSampling2D({2, 3}))},
      {"Rescaling", image, one(Rescaling(0.5, 1.0))},
      {"Reshape", image, one(Reshape({-1, 4}))},
      {"Permute", image, one(Permute({3, 1, 2}))},
      {"Flatten", image, one(Flatten())},
      {"Add", image,
       [](Symbol x) {
         return Add()({x, ReLU()(x)});
       }},
      {"Subtract", image,
       [](Symbol x) {
         return Subtract()({x, ELU()(x)});
       }},
      {"Multiply", image,
       [](Symbol x) {
         return Multiply()({x, ELU()(x)});
       }},
      {"Average", image,
       [](Symbol x) {
         return Average()({x, ELU()(x), ReLU()(x)});
       }},
      {"Concatenate", image, [](Symbol x) {
         return Concatenate(2)({x, ELU()(x)});
       }}};
  for (const char* activation :
       {"relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "sigmoid", "tanh", "softplus", "softsign", "exponential",
        "hard_sigmoid", "hard_silu", "mish", "log_sigmoid", "celu", "softmax"})
    cases.push_back({std::string("Activation_") + activation, {6}, one(Activation(activation))});
  return cases;
}

class Layers : public ::testing::TestWithParam<LayerCase> {};

TEST_P(Layers, InferShapesRoundTripAndTrain) {
  const LayerCase& each = GetParam();
  const Symbol input = Input(each.input);
  // A weight below, so that a gradient must pass through the layer.
  const Symbol output = each.apply(Dense(static_cast<int>(each.input[-1]))(input));
  Model model(input, output);
  model.compile({.optimizer = SGD({.learning_rate = 0.01}), .loss = "mse", .engine = "reference"});

  std::vector<std::int64_t> extents{3};
  extents.insert(extents.end(), each.input.begin(), each.input.end());
  const Tensor x = random_tensor(Shape(extents), 1), predicted = model.predict(x);
  Shape expected = output.shape();
  expected[0] = 3;
  EXPECT_EQ(predicted.shape(), expected);

  for (const LayerPtr& layer : model.layers()) {
    if (layer->class_name() == "InputLayer") continue;
    const LayerPtr copy = layer_from_config(layer->class_name(), layer->config());
    EXPECT_EQ(copy->config().dump(), layer->config().dump());
  }

  const std::vector<Tensor> before = model.get_weights();
  const Logs logs = model.train_on_batch(x, Tensor(expected));
  EXPECT_TRUE(std::isfinite(logs.at("loss")));
  const std::vector<Tensor> after = model.get_weights();
  EXPECT_FALSE(std::ranges::equal(before[0].data<float>(), after[0].data<float>()))
      << "no gradient passes through " << each.name;
  model.set_weights(before);
  const Tensor again = model.predict(x);
  EXPECT_TRUE(std::ranges::equal(predicted.data<float>(), again.data<float>()));
}

INSTANTIATE_TEST_SUITE_P(All, Layers, ::testing::ValuesIn(layer_cases()), [](const auto& each) { return each.param.name; });

TEST(Layers, RefuseWhatDoesNotFit) {
  const Symbol image = Input({8, 8, 3});
  EXPECT_THROW(Conv2D(4, {9, 9})(image), Error);
  EXPECT_THROW(Conv2D(4, {3, 3}, {.groups = 2})(image), Error);
  EXPECT_THROW(Conv2D(0, {3, 3}), Error);
  EXPECT_THROW(Conv2D(4, {3, 3}, {.padding = "full"}), Error);
  EXPECT_THROW(Dense(4, {.activation = "reul"}), Error);
  EXPECT_THROW(Dropout(1.0), Error);
  EXPECT_THROW(Reshape({5, 5})(image), Error);
  EXPECT_THROW(Add()({image, Input({4, 4, 3})}), Error);
  EXPECT_THROW(Concatenate()({image}), Error);
  EXPECT_THROW(Input({0, 3}), Error);
  EXPECT_THROW(Sequential({Dense(3)}), Error);
  EXPECT_THROW(layer_from_config("Lambda", Json::object()), Error);
  EXPECT_THROW(layer_from_config("Dense", Json{{"units", 3}, {"frobnicate", 1}}), Error);
  EXPECT_THROW(layer_from_config("Conv2D", Json{{"filters", 3}, {"kernel_size", {3, 3}}, {"data_format", "channels_first"}}),
               Error);
  EXPECT_THROW(Initializer("glorot"), Error);
}

TEST(Model, LearnsAndStopsEarly) {
  // y = 1 if the sum of the inputs is positive.
  Tensor x = random_tensor({256, 8}, 5), y({256}, DType::kInt32);
  for (std::size_t row = 0; row < 256; ++row) {
    float sum = 0;
    for (std::size_t i = 0; i < 8; ++i) sum += x.data<float>()[row * 8 + i];
    y.data<std::int32_t>()[row] = sum > 0;
  }
  Model model = Sequential({Input({8}), Dense(16, {.activation = "relu"}), Dropout(0.1), Dense(2, {.activation = "softmax"})});
  model.compile({.optimizer = Adam({.learning_rate = 0.02}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"},
                 .engine = "reference"});
  const History history = model.fit(x, y,
                                    {.batch_size = 30,
                                     .epochs = 40,
                                     .verbose = 0,
                                     .validation_split = 0.25,
                                     .callbacks = {EarlyStopping({.patience = 5, .restore_best_weights = true})}});
  EXPECT_GT(model.evaluate(x, y).at("accuracy"), 0.9);
  EXPECT_EQ(history.values("val_loss").size(), history.epoch.size());
}

TEST(Model, TheSameSeedGivesTheSameBitsAndAResumedRunGoesOn) {
  const Tensor x = random_tensor({40, 6}, 3), y = random_tensor({40, 2}, 4);
  const auto make = [] {
    Model model = Sequential({Input({6}), Dense(8, {.activation = "tanh"}), BatchNormalization(), Dropout(0.4), Dense(2)});
    model.compile({.optimizer = Adam(), .loss = "mse", .engine = "reference"});
    return model;
  };
  Model whole = make();
  whole.fit(x, y, {.batch_size = 16, .epochs = 4, .verbose = 0});
  Model first = make(), second = make();
  first.fit(x, y, {.batch_size = 16, .epochs = 2, .verbose = 0});
  second.set_weights(first.get_weights());
  second.set_optimizer_state(first.optimizer_state());
  second.fit(x, y, {.batch_size = 16, .epochs = 4, .initial_epoch = 2, .verbose = 0});
  const std::vector<Tensor> a = whole.get_weights(), b = second.get_weights();
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(std::ranges::equal(a[i].data<float>(), b[i].data<float>())) << i;
}

TEST(Model, FrozenLayersKeepTheirWeightsAndStatistics) {
  Model model = Sequential({Input({4}), Dense(3), BatchNormalization(), Dense(2)});
  model.layers()[1]->trainable = model.layers()[2]->trainable = false;
  model.compile({.optimizer = "sgd", .loss = "mse", .engine = "reference"});
  const std::vector<Tensor> before = model.get_weights();
  model.train_on_batch(random_tensor({5, 4}, 1), random_tensor({5, 2}, 2));
  const std::vector<Tensor> after = model.get_weights();
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(std::ranges::equal(before[i].data<float>(), after[i].data<float>()), i < 6) << i;
}

TEST(Model, SaysWhatIsWrong) {
  Model model = Sequential({Input({4}), Dense(2, {.activation = "softmax"})});
  EXPECT_THROW(model.fit(Tensor({3, 4}), Tensor({3}, DType::kInt32), {.verbose = 0}), Error);  // not compiled
  EXPECT_THROW(model.compile({.optimizer = "adam"}), Error);                                   // no loss
  EXPECT_THROW(model.compile({.optimizer = "adam", .loss = "crossentropy"}), Error);
  EXPECT_THROW(model.compile({.optimizer = "adamm", .loss = "mse"}), Error);
  model.compile(
      {.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}, .engine = "reference"});
  EXPECT_THROW(model.fit(Tensor({3, 5}), Tensor({3}, DType::kInt32), {.verbose = 0}), Error);
  EXPECT_THROW(model.fit(Tensor({3, 4}), Tensor::of<std::int32_t>({3}, {0, 1, 2}), {.verbose = 0}),
               Error);  // label 2 of 2 classes
  EXPECT_THROW(model.predict(Tensor({3, 5})), Error);
  EXPECT_THROW(model.set_weights({Tensor({4, 2})}), Error);
  EXPECT_THROW(model.set_weights({Tensor({2, 4}), Tensor({2})}), Error);
  EXPECT_THROW(model.fit(Tensor({3, 4}), Tensor({3}, DType::kInt32), {.batch_size = 0, .verbose = 0}), Error);
}

// Keras 3.15: layer.py divides the penalty of an output by the batch size.
TEST(Model, TheActivityPenaltyIsOfTheMeanSample) {
  Model model = Sequential({Input({3}), Dense(2, {.activity_regularizer = L1L2(0.25, 0.5)})});
  model.compile({.optimizer = "sgd", .loss = "mse", .engine = "reference"});
  const Tensor x = random_tensor({4, 3}, 1), y = model.predict(x);
  double penalty = 0;
  for (const float value : y.data<float>()) penalty += 0.25 * std::abs(value) + 0.5 * value * value;
  EXPECT_NEAR(model.evaluate(x, y).at("loss"), penalty / 4, 1e-6);
}

TEST(Model, ASharedLayerHasOneSetOfWeights) {
  const Symbol a = Input({4}), b = Input({4});
  LayerHandle shared = Dense(3);
  Model model({a, b}, {Add()({shared(a), shared(b)})});
  EXPECT_EQ(model.get_weights().size(), 2u);
  EXPECT_EQ(model.predict_all({Tensor({2, 4}), Tensor({2, 4})})[0].shape(), (Shape{2, 3}));
}

TEST(Names, AreKerass) {
  EXPECT_EQ(to_snake_case("Conv2D"), "conv2d");
  EXPECT_EQ(to_snake_case("MaxPooling2D"), "max_pooling2d");
  EXPECT_EQ(to_snake_case("ReLU"), "re_lu");
  EXPECT_EQ(to_snake_case("LeakyReLU"), "leaky_re_lu");
  EXPECT_EQ(to_snake_case("ELU"), "elu");
  EXPECT_EQ(to_snake_case("BatchNormalization"), "batch_normalization");
  EXPECT_EQ(to_snake_case("GlobalAveragePooling2D"), "global_average_pooling2d");
}

}  // namespace
}  // namespace tutti
