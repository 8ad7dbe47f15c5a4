// Configurations as a hostile or broken file may hold them: each must be an Error, nothing else.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/nn/json_fields.h"
#include "tutti/nn/layers.h"
#include "tutti/nn/losses.h"
#include "tutti/nn/metrics.h"
#include "tutti/nn/model.h"
#include "tutti/nn/optimizer.h"

namespace tutti {
namespace {

// What a file may put where something else belongs.
const char* const kWrong[] = {
    "[]", "{}", "[[]]", "true", "-1", "1.5", "1e300", "18446744073709551615", "\"?\"", "{\"value\": []}"};

void expect_error_or_nothing(const std::function<void()>& action, const std::string& what) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos) << error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << what << ": " << error.what();
  }
}

// Every key of every class's own config is replaced by every wrong value; what is accepted must also be applicable.
TEST(HostileConfigs, OfLayersAreErrors) {
  const LayerHandle layers[] = {Dense(3, {.kernel_regularizer = L2(0.1)}),
                                Activation("relu"),
                                Flatten(),
                                Reshape({-1, 2}),
                                Permute({2, 1, 3}),
                                Conv2D(4, {3, 3}),
                                DepthwiseConv2D({3, 3}),
                                SeparableConv2D(4, {3, 3}),
                                MaxPooling2D(),
                                AveragePooling2D(),
                                GlobalAveragePooling2D(),
                                Dropout(0.5),
                                SpatialDropout2D(0.5),
                                BatchNormalization(),
                                LayerNormalization(),
                                ReLU({.max_value = 3.0}),
                                LeakyReLU(),
                                ELU(),
                                Softmax(),
                                ZeroPadding2D(),
                                Cropping2D({1, 1, 1, 1}),
                                UpSampling2D(),
                                Rescaling(2.0),
                                Concatenate()};
  for (const LayerHandle& layer : layers) {
    const std::string class_name = layer->class_name();
    const Json config = layer->config();
    for (const auto& [key, value] : config.items())
      for (const char* wrong : kWrong) {
        Json changed = config;
        changed[key] = Json::parse(wrong);
        expect_error_or_nothing(
            [&] {
              const LayerHandle made(layer_from_config(class_name, changed));
              (void)made->config();
              const Symbol input = Input({6, 6, 4});
              (void)(class_name == "Concatenate" ? made({input, input}) : made(input));
            },
            class_name + " " + changed.dump());
      }
    for (const char* wrong : kWrong)
      expect_error_or_nothing([&] { layer_from_config(class_name, Json::parse(wrong)); }, class_name + " " + wrong);
  }
}

TEST(HostileConfigs, OfPartsAreErrors) {
  const std::function<void(const Json&)> readers[] = {[](const Json& config) { Initializer::from_config(config); },
                                                      [](const Json& config) { Regularizer::from_config(config); },
                                                      [](const Json& config) { LossFunction::from_config(config); },
                                                      [](const Json& config) { metric_from_config(config, "mse"); },
                                                      [](const Json& config) { Optimizer::from_config("adam", config); }};
  const Json configs[] = {Initializer("variance_scaling").config(),
                          Initializer("constant").config(),
                          L1L2(0.1, 0.2).config(),
                          Huber(0.5).config(),
                          CategoricalCrossentropy({.from_logits = true}).config(),
                          make_metric("precision", "mse")->config(),
                          Adam().config(),
                          Json{{"name", "WeightRegularizer"}, {"l1", 0.1}}};
  for (const auto& read : readers) {
    for (const char* wrong : kWrong) expect_error_or_nothing([&] { read(Json::parse(wrong)); }, wrong);
    for (const Json& config : configs)
      for (const char* wrong : kWrong) {
        for (const auto& [key, value] : config.items()) {
          Json changed = config;
          changed[key] = Json::parse(wrong);
          expect_error_or_nothing([&] { read(changed); }, changed.dump());
        }
        if (!config.contains("config")) continue;
        for (const auto& [key, value] : config["config"].items()) {
          Json changed = config;
          changed["config"][key] = Json::parse(wrong);
          expect_error_or_nothing([&] { read(changed); }, changed.dump());
        }
      }
  }
}

TEST(HostileConfigs, SizesDoNotOverflow) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 40;
  EXPECT_THROW(Input({kHuge, kHuge, kHuge}), Error);
  EXPECT_THROW(Input({1 << 16, 1 << 16}), Error);
  const Symbol wide = Input({1 << 20});
  EXPECT_THROW(Dense(1 << 20)(wide), Error);
  EXPECT_THROW(Reshape({kHuge, kHuge, -1})(wide), Error);
  EXPECT_THROW(Reshape({std::int64_t{1} << 32, std::int64_t{1} << 32, 1 << 20})(wide), Error);  // 2^84 wraps around to 2^20
  const Symbol image = Input({256, 256, 4});
  EXPECT_THROW(UpSampling2D({65536, 65536})(image), Error);
  EXPECT_THROW(Conv2D(1 << 30, {3, 3})(image), Error);
  EXPECT_THROW(Conv2D(4, {65536, 65536}, {.padding = "same", .dilation_rate = {65536, 65536}}), Error);
  EXPECT_THROW(DepthwiseConv2D({3, 3}, {.depth_multiplier = 1 << 30})(image), Error);
}

TEST(HostileConfigs, WindowsArePositive) {
  EXPECT_THROW(Conv2D(4, {0, 3}), Error);
  EXPECT_THROW(Conv2D(4, {3, 3}, {.strides = {1, 0}}), Error);
  EXPECT_THROW(Conv2D(4, {3, 3}, {.dilation_rate = {0, 1}}), Error);
  EXPECT_THROW(DepthwiseConv2D({3, 3}, {.strides = {0, 0}}), Error);
  EXPECT_THROW(DepthwiseConv2D({3, 3}, {.padding = "full"}), Error);
  EXPECT_THROW(SeparableConv2D(2, {0, 0}), Error);
  EXPECT_THROW(MaxPooling2D({2, 2}, {.strides = {0, 2}}), Error);
}

TEST(HostileConfigs, EmptySymbolsAreErrors) {
  EXPECT_THROW(Model(Symbol(), Symbol()), Error);
  EXPECT_THROW(Dense(2)(Symbol()), Error);
  EXPECT_THROW(LayerHandle{Symbol()}, Error);
}

TEST(HostileConfigs, ASharedLayerKeepsItsWeights) {
  const LayerHandle dense = Dense(3);
  dense(Input({4}));
  EXPECT_NO_THROW(dense(Input({4})));
  EXPECT_THROW(dense(Input({5})), Error);
}

TEST(HostileConfigs, AVeryDeepModelIsFreedByALoop) {
  Symbol symbol = Input({1});
  const LayerHandle layer = Activation("relu");
  for (int depth = 0; depth < 500'000; ++depth) symbol = layer(symbol);
  EXPECT_EQ(symbol.shape(), (Shape{-1, 1}));
}

TEST(HostileConfigs, MessagesStayShort) {
  Json deep = 1;
  for (int depth = 0; depth < 1000; ++depth) deep = Json::array({std::move(deep)});
  EXPECT_EQ(json_text(deep), "a deeply nested value");
  EXPECT_LT(json_text(std::string(10'000, 'x')).size(), 300u);
  EXPECT_EQ(json_text("\xff"), "\"\\ufffd\"");
}

TEST(OptimizerOptions, AreCheckedAsInKeras) {
  EXPECT_THROW(SGD({.momentum = -0.1}), Error);
  EXPECT_THROW(SGD({.learning_rate = -1.0}), Error);
  EXPECT_THROW(Adam({.beta_1 = 1.0}), Error);
  EXPECT_THROW(Adam({.common = {.clipnorm = 1.0, .clipvalue = 1.0}}), Error);
  EXPECT_EQ(AdamW({.learning_rate = 0.01}).common.weight_decay, 0.004);
  EXPECT_EQ(Optimizer("adamw").common.weight_decay, 0.004);
}

}  // namespace
}  // namespace tutti
