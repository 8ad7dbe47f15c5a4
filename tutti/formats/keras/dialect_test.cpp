// What each dialect writes for the Keras it is for. Each case was seen to fail in a real Keras; the comments say in which.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/formats/keras/keras_files.h"
#include "tutti/nn/layers.h"

namespace tutti {
namespace {

using keras::kTuttiKey;
constexpr KerasDialect kAllDialects[] = {KerasDialect::kPortable, KerasDialect::kKeras20, KerasDialect::kKeras3};

class Dialects : public FolderTest {
 protected:
  Hdf5Reader saved(const Model& model, KerasDialect dialect) {
    save_model(model, path_, {.dialect = dialect});
    return Hdf5Reader(path_);
  }
  Json attribute(const Model& model, KerasDialect dialect, const char* name) {
    return Json::parse(*saved(model, dialect).string_attribute("", name));
  }
  Json architecture(const Model& model, KerasDialect dialect) { return attribute(model, dialect, "model_config"); }
  Json training(const Model& model, KerasDialect dialect) { return attribute(model, dialect, "training_config"); }
  // The config of layer i of a Sequential, the InputLayer not counted.
  Json layer(const Model& model, KerasDialect dialect, std::size_t i) {
    const Json config = architecture(model, dialect)["config"];
    return config.is_array() ? config[i]["config"] : config["layers"][i + 1]["config"];
  }
  Model reloaded(const Model& model, KerasDialect dialect) {
    save_model(model, path_, {.dialect = dialect});
    return load_model(path_);
  }
  // What is warned of while the model is written.
  std::string warnings(const Model& model, KerasDialect dialect) {
    ::testing::internal::CaptureStderr();
    save_model(model, path_, {.dialect = dialect});
    return ::testing::internal::GetCapturedStderr();
  }

  const std::filesystem::path path_ = folder_ / "dialect.h5";
};

Model compiled(const Optimizer& optimizer, const LossFunction& loss, std::vector<std::string> metrics = {}) {
  Model model = Sequential({Input({3}), Dense(4, {.activation = "softmax"})});
  model.compile({.optimizer = optimizer, .loss = loss, .metrics = std::move(metrics), .engine = "reference"});
  return model;
}

// Values from -4 to 4, so that the two slopes differ and both ends are reached.
Tensor ramp() {
  Tensor x({8, 3});
  for (std::size_t i = 0; i < 24; ++i) x.data<float>()[i] = static_cast<float>(i) / 3.0f - 4.0f;
  return x;
}

std::vector<float> values(const Tensor& tensor) { return {tensor.data<float>().begin(), tensor.data<float>().end()}; }

// Keras 2.0.5: Keyword argument not understood: data_format.
TEST_F(Dialects, FlattenHasNoDataFormatForKeras2) {
  const Model model = Sequential({Input({2, 2, 3}), Flatten(), Dense(2)});
  EXPECT_FALSE(layer(model, KerasDialect::kKeras20, 0).contains("data_format"));
  EXPECT_FALSE(layer(model, KerasDialect::kPortable, 0).contains("data_format"));
  EXPECT_TRUE(layer(model, KerasDialect::kKeras3, 0).contains("data_format"));
}

// Keras 3: SpatialDropout2D.__init__() got an unexpected keyword argument 'trainable'.
TEST_F(Dialects, SpatialDropoutHasOnlyItsOwnKeys) {
  const Model model = Sequential({Input({4, 4, 3}), SpatialDropout2D(0.5), Flatten()});
  for (const KerasDialect dialect : {KerasDialect::kPortable, KerasDialect::kKeras3}) {
    EXPECT_FALSE(layer(model, dialect, 0).contains("trainable"));
    EXPECT_FALSE(layer(model, dialect, 0).contains("batch_input_shape"));
    EXPECT_TRUE(layer(model, dialect, 1).contains("trainable"));
  }
  EXPECT_EQ(model.to_json().find(R"("rate":0.5,"trainable")"), std::string::npos);
}

// Keras 2.2.4 and 2.3.1 drop the InputLayer when they save again.
TEST_F(Dialects, TheFirstLayerOfAPortableSequentialSaysItsInputShape) {
  const Model model = Sequential({Input({5}), Dense(3), Dense(2)});
  EXPECT_EQ(layer(model, KerasDialect::kPortable, 0)["batch_input_shape"], Json({nullptr, 5}));
  EXPECT_FALSE(layer(model, KerasDialect::kPortable, 1).contains("batch_input_shape"));
  EXPECT_FALSE(layer(model, KerasDialect::kKeras3, 0).contains("batch_input_shape"));
}

TEST_F(Dialects, BothSlopesOfHardSigmoidSurvive) {
  Model model = Sequential({Input({3}), Dense(3, {.activation = "hard_sigmoid_keras2", .kernel_initializer = "identity"}),
                            Activation("hard_sigmoid"), Activation("hard_sigmoid_keras2")});
  const std::vector<float> expected = values(model.predict(ramp()));
  for (const KerasDialect dialect : kAllDialects) {
    const Json config = architecture(model, dialect);
    EXPECT_EQ(config["config"].dump().find("hard_sigmoid_keras2"), std::string::npos);
    EXPECT_EQ(config[kTuttiKey][keras::kHardSigmoid2], Json({model.layers()[1]->name, model.layers()[3]->name}));
    EXPECT_EQ(values(reloaded(model, dialect).predict(ramp())), expected);
  }
  Model copy = model_from_json(model.to_json());
  copy.set_weights(model.get_weights());
  EXPECT_EQ(values(copy.predict(ramp())), expected);
}

TEST_F(Dialects, SaysWhereHardSigmoidHasAnotherSlope) {
  const Model new_slope = Sequential({Input({3}), Activation("hard_sigmoid", {.name = "new_slope"})});
  EXPECT_NE(warnings(new_slope, KerasDialect::kPortable).find("new_slope (as Keras 3)"), std::string::npos);
  EXPECT_EQ(warnings(new_slope, KerasDialect::kPortable), "");  // once is enough
  EXPECT_EQ(warnings(new_slope, KerasDialect::kKeras3), "");
  const Model old_slope = Sequential({Input({3}), Activation("hard_sigmoid_keras2", {.name = "old_slope"})});
  EXPECT_EQ(warnings(old_slope, KerasDialect::kKeras20), "");
  EXPECT_NE(warnings(old_slope, KerasDialect::kKeras3).find("old_slope (as Keras 2)"), std::string::npos);
}

// A file as `version` of Keras wrote it: a Sequential of activations.
TEST_F(Dialects, HardSigmoidOfKeras2HasItsOwnSlope) {
  const char* layers = R"([{"class_name": "Activation", "config": {"name": "a", "activation": "hard_sigmoid",
                            "batch_input_shape": [null, 3]}},
                           {"class_name": "Dense", "config": {"name": "b", "units": 3, "use_bias": false,
                            "activation": {"class_name": "function", "config": "hard_sigmoid"}}}])";
  const std::string config = fmt::format(R"({{"class_name": "Sequential", "config": {}}})", layers);
  for (const auto& [version, slope] : {std::pair{"2.0.5", 0.2f}, {"2.4.0", 0.2f}, {"3.8.0", 1.0f / 6.0f}}) {
    {
      Model weights = Sequential({Input({3}), Dense(3, {.use_bias = false, .kernel_initializer = "identity", .name = "b"})});
      weights.initialize(1);
      Hdf5Writer file(path_);
      file.attribute("", "keras_version", version, Hdf5String::kAscii);
      file.attribute("", "backend", "tensorflow", Hdf5String::kAscii);
      file.attribute("", "model_config", config, Hdf5String::kAscii);
      file.group("model_weights");
      keras::write_weights(file, "model_weights", weights, KerasDialect::kPortable);
      file.close();
    }
    const std::vector<float> got = values(load_model(path_).predict(ramp()));
    const auto f = [&](float x) { return std::clamp(slope * x + 0.5f, 0.0f, 1.0f); };
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], f(f(ramp().data<float>()[i])), 1e-6) << version;
    const std::string json =
        fmt::format(R"({{"class_name": "Sequential", "keras_version": "{}", "config": {}}})", version, layers);
    const std::string activation = model_from_json(json).layers()[1]->config()["activation"];
    EXPECT_EQ(activation, version[0] == '2' ? "hard_sigmoid_keras2" : "hard_sigmoid");
  }
}

// Keras 3 took m_schedule for the learning rate; Keras 2.0 refuses Nadam's decay.
TEST_F(Dialects, NadamGoesOnExactly) {
  Model model = compiled(Nadam(), "mse");
  const Tensor x = ramp(), y({8, 4});
  for (int step = 0; step < 5; ++step) model.train_on_batch(x, y);
  EXPECT_EQ(saved(model, KerasDialect::kPortable).strings_attribute("optimizer_weights", "weight_names")->size(), 5u);
  EXPECT_FALSE(training(model, KerasDialect::kKeras20)["optimizer_config"]["config"].contains("decay"));
  for (const KerasDialect dialect : kAllDialects) {
    const OptimizerState state = reloaded(model, dialect).optimizer_state();
    EXPECT_EQ(state.step, 5);
    ASSERT_EQ(state.scalars.size(), 1u);
    EXPECT_EQ(state.scalars[0].item(), model.optimizer_state().scalars[0].item());
  }
}

TEST_F(Dialects, NadamsProductOfManyStepsIsFinite) {
  const Optimizer slow = Nadam({.beta_1 = 0.999999});
  const double product = slow.rule().scalars_after(std::int64_t{1} << 62)[0].item();
  EXPECT_EQ(product, 0.0);
  EXPECT_EQ(slow.rule().scalars_after(0)[0].item(), 1.0);
}

// Keras 2.2.4 and 2.3.1: Unknown loss function: huber.
TEST_F(Dialects, HuberIsAClassForKeras2) {
  const Model model = compiled("sgd", "huber");
  EXPECT_EQ(training(model, KerasDialect::kPortable)["loss"]["class_name"], "Huber");
  EXPECT_EQ(training(model, KerasDialect::kKeras3)["loss"], "huber");
  for (const KerasDialect dialect : kAllDialects) {
    EXPECT_EQ(reloaded(model, dialect).compiled().loss->config(), "huber");
  }
}

// Keras 2: Unknown metric function: precision. No Keras knows top_3_accuracy.
TEST_F(Dialects, MetricsThatKerasLacksAreKeptForTutti) {
  const std::vector<std::string> metrics = {"accuracy", "precision", "recall", "top_3_accuracy", "CategoricalAccuracy", "mae"};
  const Model model = compiled("sgd", "categorical_crossentropy", metrics);
  for (const KerasDialect dialect : {KerasDialect::kPortable, KerasDialect::kKeras20}) {
    EXPECT_EQ(training(model, dialect)["metrics"], Json({"accuracy", "categorical_accuracy", "mae"}));
  }
  const Json top = training(model, KerasDialect::kKeras3)["metrics"][3];
  EXPECT_EQ(top["class_name"], "TopKCategoricalAccuracy");
  EXPECT_EQ(top["config"], Json({{"name", "top_3_accuracy"}, {"k", 3}}));
  for (const KerasDialect dialect : kAllDialects) EXPECT_EQ(reloaded(model, dialect).compiled().metrics, metrics);

  const Model sparse = compiled("sgd", "sparse_categorical_crossentropy", {"top_3_accuracy"});
  EXPECT_EQ(training(sparse, KerasDialect::kKeras3)["metrics"][0]["class_name"], "SparseTopKCategoricalAccuracy");
}

TEST_F(Dialects, NothingOfOursIsAddedWithoutNeed) {
  const Model model = compiled("adam", "categorical_crossentropy", {"accuracy"});
  for (const KerasDialect dialect : kAllDialects) {
    EXPECT_FALSE(architecture(model, dialect).contains(kTuttiKey));
    EXPECT_FALSE(training(model, dialect).contains(kTuttiKey));
    EXPECT_EQ(warnings(model, dialect), "");
  }
}

// Keras 2: Unexpected keyword argument passed to optimizer: initial_accumulator_value.
TEST_F(Dialects, AdagradsInitialValueIsKeptForTutti) {
  const Model model = compiled(Adagrad({.initial_accumulator_value = 0.2}), "mse");
  for (const KerasDialect dialect : kAllDialects) {
    const bool said = training(model, dialect)["optimizer_config"]["config"].contains("initial_accumulator_value");
    EXPECT_EQ(said, dialect == KerasDialect::kKeras3);
    EXPECT_EQ(reloaded(model, dialect).compiled().optimizer.config(), model.compiled().optimizer.config());
  }
}

TEST_F(Dialects, InitializersAreOnesThatKeras2Knows) {
  const Initializer untruncated = Initializer::from_config(
      {{"class_name", "VarianceScaling"}, {"config", {{"scale", 1.5}, {"distribution", "untruncated_normal"}}}});
  const Model model =
      Sequential({Input({3}), Dense(2, {.kernel_initializer = "lecun_normal"}), Dense(2, {.kernel_initializer = untruncated})});
  // Keras 2.0.5: Unknown initializer: lecun_normal.
  EXPECT_EQ(layer(model, KerasDialect::kKeras20, 0)["kernel_initializer"]["class_name"], "VarianceScaling");
  EXPECT_EQ(layer(model, KerasDialect::kPortable, 0)["kernel_initializer"], "lecun_normal");
  // Keras 2.0.5 and 2.3.1: Invalid `distribution` argument.
  for (const KerasDialect dialect : {KerasDialect::kPortable, KerasDialect::kKeras20}) {
    EXPECT_EQ(layer(model, dialect, 1)["kernel_initializer"]["config"]["distribution"], "normal");
  }
}

TEST_F(Dialects, ASlashInANameIsRefusedForKeras3) {
  const Model model = Sequential({Input({3}), Dense(2, {.name = "block/dense"})});
  for (const KerasDialect dialect : {KerasDialect::kPortable, KerasDialect::kKeras3}) {
    try {
      save_model(model, path_, {.dialect = dialect});
      ADD_FAILURE() << "no Error";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("Keras 3 refuses / in names"), std::string::npos) << error.what();
    }
  }
  EXPECT_EQ(reloaded(model, KerasDialect::kKeras20).layers()[1]->name, "block/dense");
}

TEST_F(Dialects, NamesWhatKeras20Lacks) {
  Model model = Sequential({Input({8, 8, 4}), Conv2D(4, {3, 3}, {.groups = 2, .activation = "gelu", .name = "grouped"}),
                            ReLU({.name = "cut"}), GlobalMaxPooling2D({.keepdims = true, .name = "kept"}), Flatten()});
  model.compile({.optimizer = RMSprop({.centered = true}), .loss = Huber(0.5), .engine = "reference"});
  EXPECT_EQ(warnings(model, KerasDialect::kPortable), "");
  const std::string text = warnings(model, KerasDialect::kKeras20);
  for (const char* part :
       {"grouped (groups = 2, gelu)", "cut (ReLU)", "kept (keepdims = true)", "centered", "the options of the loss"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
}

}  // namespace
}  // namespace tutti
