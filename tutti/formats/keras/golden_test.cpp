// Files of real Keras: each loads and predicts what its author predicted. The small ones are in tests/golden/keras; the whole
// set is used where it is at hand.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/shared_data.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/npy.h"
#include "tutti/formats/keras/golden_cases.h"
#include "tutti/nn/model.h"

namespace tutti {
namespace {

using testing::golden_cases;
using testing::GoldenCase;

double max_difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  if (a.shape() != b.shape()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (std::size_t i = 0; i < a.data<float>().size(); ++i) {
    const double difference = std::abs(double{a.data<float>()[i]} - double{b.data<float>()[i]});
    if (!(difference <= largest)) largest = difference;  // also NaN
  }
  return largest;
}

class Golden : public ::testing::TestWithParam<GoldenCase> {
 protected:
  Tensor input() const { return read_npy(GetParam().folder / "input.npy"); }
  Tensor expected() const { return read_npy(GetParam().folder / "expected.npy").cast(DType::kFloat32); }
  std::vector<std::filesystem::path> files(std::string_view prefix) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(GetParam().folder)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(prefix) && entry.path().extension() == ".h5") found.push_back(entry.path());
    }
    return found;
  }
};

// The author's float32 sums in another order.
constexpr double kTolerance = 1e-5;

// Cases with something that tutti does not have: what the Error must name.
std::string refusal(const GoldenCase& golden) { return golden.name == "k3_activations_inline" ? "squareplus" : ""; }

template <class Function>
void expect_refusal(const Function& function, const std::string& word) {
  try {
    function();
    ADD_FAILURE() << "no Error that names " << word;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
  }
}

TEST_P(Golden, WholeModelsPredictWhatTheirAuthorPredicted) {
  for (const auto& path : files("model")) {
    if (path.string().ends_with(".weights.h5")) continue;
    SCOPED_TRACE(path.string());
    if (const std::string word = refusal(GetParam()); !word.empty()) {
      expect_refusal([&] { load_model(path); }, word);
      continue;
    }
    Model model = load_model(path);
    EXPECT_LE(max_difference(model.predict(input()), expected()), kTolerance);
  }
}

TEST_P(Golden, WeightFilesFitTheModelOfTheirJson) {
  const std::string json = read_file(GetParam().folder / "model.json");
  if (const std::string word = refusal(GetParam()); !word.empty()) {
    return expect_refusal([&] { model_from_json(json); }, word);
  }
  auto paths = files("weights");
  const auto version_3 = GetParam().folder / "model.weights.h5";
  if (std::filesystem::exists(version_3)) paths.push_back(version_3);
  ASSERT_FALSE(paths.empty());
  for (const auto& path : paths) {
    SCOPED_TRACE(path.string());
    Model model = model_from_json(json);
    model.load_weights(path);
    EXPECT_LE(max_difference(model.predict(input()), expected()), kTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Golden, ::testing::ValuesIn(golden_cases()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace tutti
