// Gradients of whole models against real Keras in float64: golden/vjp of the models golden/k3.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/shared_data.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/npy.h"
#include "tutti/engines/engines.h"
#include "tutti/nn/graph_writer.h"
#include "tutti/nn/model.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

// In shared, or the copy of the small ones that is in the checkout; empty if it is in neither.
fs::path golden(const std::string& name, const std::string& copy) {
  const fs::path shared = testing::shared_file("golden/" + name), own = fs::path(TUTTI_SOURCE_DIR) / "tests/golden" / copy;
  return !shared.empty() ? shared : fs::exists(own) ? own : fs::path();
}

struct Case {
  std::string model, engine;

  friend std::ostream& operator<<(std::ostream& out, const Case& self) { return out << self.model << " on " << self.engine; }
};

class GoldenGradients : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto& [name, engine_name] = GetParam();
    truth_folder_ = golden("vjp/" + name, "vjp/" + name);
    model_folder_ = golden("k3/" + name, "vjp/" + name);
    if (truth_folder_.empty() || model_folder_.empty()) GTEST_SKIP() << "no golden values of " << name;
    try {
      engine_ = make_engine(engine_name);
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
    truth_ = read_npz(truth_folder_ / "vjp_f64.npz");
    input_ = read_npy(model_folder_ / "input.npy").cast(DType::kFloat32);
  }

  // Runs `graph` forward and, for sum(R * prediction), backward; compares with what the truth has under `mode`.
  void compare(const Model& model, Graph graph, const std::string& mode) {
    const ValueId x = *graph.find_input("x"), prediction = *graph.find_output("prediction");
    const ValueId cotangent = graph.input("R", graph.type(prediction));
    const ValueId product = graph.add1(op::Binary{op::BinaryKind::kMul}, {prediction, cotangent});
    const ValueId sum = graph.add1(op::Reduce{op::ReduceKind::kSum, {}, false}, {product});

    // What to fetch, by the truth's name for it.
    std::vector<std::pair<std::string, ValueId>> wanted{{mode + ".out0", prediction}};
    std::vector<ValueId> wrt{x};
    std::vector<std::string> names{mode + ".dinput0"};
    std::vector<std::pair<std::string, VariableId>> statistics;
    const auto meta = nlohmann::json::parse(read_file(truth_folder_ / "meta.json"));
    for (const auto& variable : meta["variables"]) {
      // "sequential/dense/kernel" or "dense/kernel" is our "dense/kernel".
      std::string path = variable["path"];
      const std::size_t layer_end = path.rfind('/'), layer_begin = path.rfind('/', layer_end - 1);
      if (layer_begin != std::string::npos) path = path.substr(layer_begin + 1);
      const auto id = graph.find_variable(path);
      if (!id) continue;  // a generator of random numbers
      const int index = variable["index"];
      if (const std::string after = fmt::format("{}.after{:03}", mode, index); truth_.contains(after))
        statistics.emplace_back(after, *id);
      const std::string name = fmt::format("{}.d{:03}", mode, index);
      if (!truth_.contains(name)) continue;
      wrt.push_back(graph.variables()[static_cast<std::size_t>(*id)].value);
      names.push_back(name);
    }
    const std::vector<ValueId> gradients = add_gradients(graph, sum, wrt);
    for (std::size_t i = 0; i < wrt.size(); ++i) {
      ASSERT_NE(gradients[i], kNoValue) << names[i];
      wanted.emplace_back(names[i], gradients[i]);
      graph.output(names[i], gradients[i]);
    }

    const std::unique_ptr<Program> program = engine_->compile(graph);
    for (const LayerPtr& layer : model.layers())
      for (const Weight& weight : layer->weights())
        program->write(*graph.find_variable(layer->name + "/" + weight.name), weight.value);
    const Tensor r = truth_.at("R0").cast(DType::kFloat32);
    std::vector<Feed> feeds{{x, input_.view()}, {cotangent, r.view()}};
    Tensor target;
    if (const auto y = graph.find_input("y")) {
      target = Tensor(graph.type(*y));
      feeds.push_back({*y, target.view()});
    }
    std::vector<Tensor> values;
    for (const auto& [name, value] : wanted) values.emplace_back(graph.type(value));
    std::vector<Fetch> fetches;
    for (std::size_t i = 0; i < wanted.size(); ++i) fetches.push_back({wanted[i].second, values[i].view()});
    program->run(feeds, fetches);
    for (std::size_t i = 0; i < wanted.size(); ++i) expect_near(wanted[i].first, values[i]);
    for (const auto& [name, id] : statistics) expect_near(name, program->read(id));
  }

 private:
  // float32 sums over up to some thousand terms: 2e-5 of the largest element of the array.
  void expect_near(const std::string& name, const Tensor& got) const {
    const Tensor want = truth_.at(name).cast(DType::kFloat64), have = got.cast(DType::kFloat64);
    ASSERT_EQ(have.elements(), want.elements()) << name;
    double largest = 0, worst = 0;
    for (std::size_t i = 0; i < want.data<double>().size(); ++i) {
      largest = std::max(largest, std::abs(want.data<double>()[i]));
      const double difference = std::abs(want.data<double>()[i] - have.data<double>()[i]);
      worst = difference <= worst ? worst : difference;  // keeps a NaN
    }
    EXPECT_LE(worst, 2e-5 * largest + 1e-6) << name << ", largest element " << largest;
  }

 protected:
  fs::path truth_folder_, model_folder_;
  std::shared_ptr<Engine> engine_;
  std::map<std::string, Tensor> truth_;
  Tensor input_;
};

TEST_P(GoldenGradients, OfInference) {
  const Model model = load_model(model_folder_ / "model.h5", false);
  compare(model, model.inference_graph(input_.shape()[0]), "infer");
}

// Batch normalisation takes the batch's statistics, and moves its averages.
TEST_P(GoldenGradients, OfTraining) {
  Model model = load_model(model_folder_ / "model.h5", false);
  const auto is_random = [](const LayerPtr& layer) { return layer->class_name().ends_with("Dropout"); };
  if (std::ranges::any_of(model.layers(), is_random)) GTEST_SKIP() << "dropout draws other numbers than Keras's";
  model.compile({.optimizer = "sgd", .loss = "mse"});
  compare(model, model.training_graph(input_.shape()[0]), "train");
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const char* model : {"mlp_mini", "seed_cnn_mini", "bn_cnn", "pooling", "resnet_block", "conv_variants"})
    for (const char* engine : {"reference", "native", "onednn", "torch"}) all.push_back({model, engine});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Keras3, GoldenGradients, ::testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param.model + "_" + each.param.engine; });

}  // namespace
}  // namespace tutti
