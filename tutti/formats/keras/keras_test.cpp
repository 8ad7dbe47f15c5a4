// What tutti writes: exact round trips, the structure of real Keras's own files, and damaged files.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/message_of.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/log.h"
#include "tutti/base/philox.h"
#include "tutti/formats/keras/golden_cases.h"
#include "tutti/formats/keras/hdf5_format.h"
#include "tutti/formats/keras/hdf5_reader.h"
#include "tutti/formats/keras/keras.h"
#include "tutti/nn/layers.h"

namespace tutti {
namespace {

using testing::golden_cases;

class TemporaryFile {
 public:
  explicit TemporaryFile(const char* name)
      : path_(std::filesystem::temp_directory_path() / fmt::format("tutti_{}_{}", getpid(), name)) {}
  ~TemporaryFile() { std::filesystem::remove(path_); }
  operator const std::filesystem::path&() const { return path_; }

 private:
  std::filesystem::path path_;
};

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

void expect_same_state(const Model& a, const Model& b) {
  const auto weights_a = a.get_weights(), weights_b = b.get_weights();
  ASSERT_EQ(weights_a.size(), weights_b.size());
  for (std::size_t i = 0; i < weights_a.size(); ++i) EXPECT_TRUE(same_bytes(weights_a[i], weights_b[i])) << i;
  ASSERT_EQ(a.is_compiled(), b.is_compiled());
  if (!a.is_compiled()) return;
  const OptimizerState state_a = a.optimizer_state(), state_b = b.optimizer_state();
  EXPECT_EQ(state_a.step, state_b.step);
  EXPECT_EQ(static_cast<float>(state_a.learning_rate), static_cast<float>(state_b.learning_rate));
  ASSERT_EQ(state_a.slots.size(), state_b.slots.size());
  for (std::size_t i = 0; i < state_a.slots.size(); ++i) {
    for (std::size_t slot = 0; slot < state_a.slots[i].size(); ++slot) {
      EXPECT_TRUE(same_bytes(state_a.slots[i][slot], state_b.slots[i][slot])) << i << " " << slot;
    }
  }
  for (std::size_t i = 0; i < state_a.scalars.size(); ++i) EXPECT_TRUE(same_bytes(state_a.scalars[i], state_b.scalars[i]));
}

Tensor random_tensor(const Shape& shape, std::uint32_t stream) {
  Tensor tensor(shape);
  const Philox random(7, stream);
  for (std::size_t i = 0; i < tensor.data<float>().size(); ++i) tensor.data<float>()[i] = random.uniform(i) - 0.5f;
  return tensor;
}

// Two branches with different depths, a shared layer, a layer of every kind of weights.
Model branched_model() {
  const Symbol input = Input({8, 8, 3}, {.name = "image"});
  const LayerHandle shared = Conv2D(4, {3, 3}, {.padding = "same", .activation = "relu", .kernel_regularizer = L2(1e-3)});
  const Symbol projected = Conv2D(3, {1, 1})(input);
  const Symbol a = BatchNormalization()(shared(projected));
  const Symbol b = LeakyReLU(0.2)(
      shared(SeparableConv2D(3, {3, 3}, {.padding = "same"})(DepthwiseConv2D({3, 3}, {.padding = "same"})(input))));
  const Symbol sum = Concatenate()({Add()({a, b}), MaxPooling2D({1, 1})(b)});
  const Symbol features = Dropout(0.3)(GlobalAveragePooling2D()(sum));
  return Model(input, Dense(5, {.activation = "softmax", .kernel_initializer = "he_normal"})(features), "branched");
}

Model trained(Model model, const Optimizer& optimizer) {
  model.compile({.optimizer = optimizer, .loss = "categorical_crossentropy", .metrics = {"accuracy"}, .engine = "reference"});
  Shape input = model.nodes()[static_cast<std::size_t>(model.input_nodes()[0])].shape;
  input[0] = 4;
  Tensor target({4, 5});
  for (int i = 0; i < 4; ++i) target.data<float>()[static_cast<std::size_t>(i * 5 + i)] = 1.0f;
  for (std::uint32_t step = 0; step < 3; ++step) model.train_on_batch(random_tensor(input, step), target);
  return model;
}

class RoundTrip : public ::testing::TestWithParam<const char*> {};

TEST_P(RoundTrip, KeepsWeightsAndOptimizerStateExactly) {
  const Model model = trained(branched_model(), Optimizer(std::string_view(GetParam())));
  for (const KerasDialect dialect : {KerasDialect::kPortable, KerasDialect::kKeras3}) {
    const TemporaryFile file("round_trip.h5");
    save_model(model, file, {.dialect = dialect});
    const Model loaded = load_model(file);
    expect_same_state(model, loaded);
    EXPECT_EQ(loaded.compiled().metrics, model.compiled().metrics);
    EXPECT_EQ(loaded.compiled().optimizer.config(), model.compiled().optimizer.config());
    EXPECT_FALSE(loaded.is_sequential());
  }
}

TEST_P(RoundTrip, KeepsPredictionsAndOrderOfASequential) {
  Model model = trained(Sequential({Input({6, 6, 2}), Rescaling(0.5), Conv2D(4, {3, 3}), ReLU(), Flatten(), Dense(5)}, "plain"),
                        Optimizer(std::string_view(GetParam())));
  const Tensor x = random_tensor({3, 6, 6, 2}, 9);
  for (const KerasDialect dialect : {KerasDialect::kPortable, KerasDialect::kKeras20, KerasDialect::kKeras3}) {
    const TemporaryFile file("sequential.h5");
    save_model(model, file, {.dialect = dialect});
    Model loaded = load_model(file);
    EXPECT_TRUE(loaded.is_sequential());
    // On the same engine: another one rounds otherwise.
    CompileOptions options = loaded.compiled();
    options.engine = "reference";
    loaded.compile(options);
    EXPECT_TRUE(same_bytes(loaded.predict(x), model.predict(x)));
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, RoundTrip, ::testing::Values("adam", "sgd", "rmsprop", "adagrad", "nadam", "adamw"),
                         [](const auto& each) { return std::string(each.param); });

TEST(SaveWeights, BothLayoutsLoadAgain) {
  const Model model = branched_model();
  for (const char* name : {"legacy.h5", "own.weights.h5"}) {
    const TemporaryFile file(name);
    model.save_weights(file);
    Model other = branched_model();
    other.initialize(1234);
    other.load_weights(file);
    expect_same_state(model, other);
  }
}

TEST(ToJson, GivesAnUntrainedModelOfTheSameShape) {
  const Model model = trained(branched_model(), "adam");
  const Model copy = model_from_json(model.to_json());
  EXPECT_EQ(copy.name(), "branched");
  EXPECT_EQ(copy.count_params(), model.count_params());
  EXPECT_EQ(model_from_json(copy.to_json()).to_json(), copy.to_json());
}

// --- The structure of real Keras's files. ---

// One line for every group, attribute and data set: type, kind of string, shape.
void list_objects(const hdf5::Image& image, std::uint64_t address, const std::string& path, std::set<std::string>& lines) {
  const hdf5::Object object = hdf5::read_object(image, path, address);
  const auto describe = [](const hdf5::Datatype& type, const hdf5::Dataspace& space) {
    const bool is_text = type.type_class == hdf5::TypeClass::kString;
    return fmt::format("class {} size {} rank {}", type.raw_class, is_text ? 0 : type.size, space.extents.size());
  };
  for (const hdf5::Attribute& attribute : object.attributes) {
    lines.insert(fmt::format("{}@{} {}", path, attribute.name, describe(attribute.type, attribute.space)));
  }
  if (!object.is_group) {
    lines.insert(fmt::format("{} {}", path, describe(object.type, object.space)));
    return;
  }
  lines.insert(path + "/");
  for (const auto& [name, child] : hdf5::read_symbol_table(image, path, object)) {
    list_objects(image, child, path + "/" + name, lines);
  }
}

std::set<std::string> structure(const std::filesystem::path& path) {
  hdf5::Image image;
  image.bytes = read_file(path);
  image.name = path.string();
  hdf5::read_superblock(image);
  std::set<std::string> lines;
  list_objects(image, image.root, "", lines);
  return lines;
}

// Saving what `path` holds gives the same groups, attributes and data sets, and the same values.
void expect_same_file(const std::filesystem::path& path, KerasDialect dialect) {
  SCOPED_TRACE(path.string());
  const TemporaryFile copy("copy.h5");
  save_model(load_model(path), copy, {.dialect = dialect});
  std::set<std::string> ours = structure(copy);
  EXPECT_EQ(std::erase_if(ours, [](const std::string& line) { return line.starts_with("@tutti_version"); }), 1u);
  const std::set<std::string> theirs = structure(path);
  EXPECT_EQ(ours, theirs);
  const Hdf5Reader original(path), saved(copy);
  for (const std::string& line : theirs) {
    const std::string object = line.substr(0, line.find_first_of("@ "));
    if (line.find('@') != std::string::npos && line.ends_with("rank 1")) {
      const std::string attribute = line.substr(object.size() + 1, line.find(' ') - object.size() - 1);
      EXPECT_EQ(original.strings_attribute(object, attribute), saved.strings_attribute(object, attribute)) << line;
    } else if (line.find('@') == std::string::npos && !line.ends_with('/')) {
      EXPECT_TRUE(same_bytes(original.dataset(object), saved.dataset(object))) << line;
    }
  }
}

TEST(Structure, IsThatOfKeras3) {
  int compared = 0;
  for (const auto& golden : golden_cases()) {
    if (!golden.name.starts_with("k3_") || golden.name == "k3_activations_inline") continue;
    expect_same_file(golden.folder / "model.h5", KerasDialect::kKeras3);
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST(Structure, OfThePortableDialectIsThatOfKeras2) {
  int compared = 0;
  for (const auto& golden : golden_cases()) {
    if (!golden.name.starts_with("k2_2_3_1_")) continue;
    expect_same_file(golden.folder / "model_tf.h5", KerasDialect::kPortable);
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

// --- Refusals. ---

TEST(Refusals, NameWhatIsWrong) {
  const auto json = [](const char* layer) { return fmt::format(R"({{"class_name": "Sequential", "config": [{}]}})", layer); };
  const std::string lambda = json(
      R"({"class_name": "Lambda", "config": {"name": "evil", "function": ["4wEAAAA=", null, null], "batch_input_shape": [null, 3]}})");
  EXPECT_NE(message_of([&] { model_from_json(lambda); }).find("never executes"), std::string::npos);
  const std::string unknown = json(R"({"class_name": "LSTM", "config": {"name": "rnn", "batch_input_shape": [null, 3, 4]}})");
  EXPECT_NE(message_of([&] { model_from_json(unknown); }).find("LSTM"), std::string::npos);
  EXPECT_NE(message_of([] { model_from_json("{"); }).find("no valid JSON"), std::string::npos);
  EXPECT_NE(message_of([] { model_from_json(std::string(1000, '[')); }).find("nested too deeply"), std::string::npos);
  EXPECT_NE(message_of([] { branched_model().save("model.keras"); }).find(".keras format is not supported"), std::string::npos);
  EXPECT_NE(message_of([] { branched_model().save("model.txt"); }).find("Expected a name that ends in .h5"), std::string::npos);
  EXPECT_NE(message_of([] { load_model_from_bytes("PK\x03\x04....", "m.keras"); }).find("zip"), std::string::npos);
}

TEST(Refusals, AHugeModelDoesNotAllocate) {
  const std::string json = R"({"class_name": "Sequential", "config": [
      {"class_name": "Dense", "config": {"name": "a", "units": 1000000, "batch_input_shape": [null, 1000000]}}]})";
  EXPECT_NE(message_of([&] { model_from_json(json); }).find("too large"), std::string::npos);
}

TEST(Refusals, AWeightFileOfAnotherModelNamesTheLayer) {
  const TemporaryFile file("other.h5");
  Sequential({Input({3}), Dense(4, {.name = "first"})}).save_weights(file);
  Model other = Sequential({Input({3}), Dense(5, {.name = "first"})});
  const std::string message = message_of([&] { other.load_weights(file); });
  EXPECT_NE(message.find("first/kernel:0: has not the shape"), std::string::npos) << message;
}

// --- Damaged files: an Error or a model, never a crash. ---

class Damaged : public ::testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::kError); }  // each damaged optimizer state would warn
  void TearDown() override { set_log_level(LogLevel::kWarning); }

  static bool loads(const std::string& bytes) {
    try {
      load_model_from_bytes(bytes, "damaged.h5");
      return true;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()), "");
      return false;
    }
  }
  static std::vector<std::string> originals() {
    const std::filesystem::path root = std::filesystem::path(TUTTI_SOURCE_DIR) / "tests/golden/keras";
    return {read_file(root / "k3/mlp_mini/model.h5"), read_file(root / "k2_2.0.5/mlp_mini/model_tf.h5")};
  }
};

TEST_F(Damaged, TruncatedFilesAreErrors) {
  for (const std::string& bytes : originals()) {
    ASSERT_TRUE(loads(bytes));
    for (std::size_t size = 0; size < bytes.size(); size += size < 256 ? 1 : 97) {
      EXPECT_FALSE(loads(bytes.substr(0, size))) << size;
    }
  }
}

TEST_F(Damaged, FlippedBitsNeverCrash) {
  int refused = 0;
  for (const std::string& bytes : originals()) {
    for (std::uint32_t trial = 0; trial < 500; ++trial) {
      const Philox random(3, trial);
      std::string damaged = bytes;
      for (std::uint32_t flip = 0; flip <= trial % 4; ++flip) {
        damaged[random.below(2 * flip, static_cast<std::uint32_t>(bytes.size()))] ^=
            static_cast<char>(1u << random.below(2 * flip + 1, 8));
      }
      refused += !loads(damaged);
    }
  }
  EXPECT_GT(refused, 30);
}

}  // namespace
}  // namespace tutti
