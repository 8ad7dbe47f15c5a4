// The losses as the reference engine defines them against values and gradients by Keras 3.15.1.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <ostream>
#include <string>

#include <nlohmann/json.hpp>

#include "tutti/base/files.h"
#include "tutti/data/npy.h"
#include "tutti/engines/reference/reference.h"

namespace tutti {
namespace {

using namespace op;

struct GoldenLoss {
  const char* name;  // in the files
  LossAttributes attributes;
};

constexpr GoldenLoss kLosses[] = {
    {"cce_probs", {LossKind::kCategoricalCrossEntropy}},
    {"cce_logits", {LossKind::kCategoricalCrossEntropy, true}},
    {"cce_probs_smooth", {LossKind::kCategoricalCrossEntropy, false, 0.1}},
    {"cce_logits_smooth", {LossKind::kCategoricalCrossEntropy, true, 0.1}},
    {"cce_probs_edge", {LossKind::kCategoricalCrossEntropy}},
    {"scce_probs", {LossKind::kSparseCategoricalCrossEntropy}},
    {"scce_logits", {LossKind::kSparseCategoricalCrossEntropy, true}},
    {"bce_probs_edge", {LossKind::kBinaryCrossEntropy}},
    {"bce_logits", {LossKind::kBinaryCrossEntropy, true}},
    {"bce_smooth", {LossKind::kBinaryCrossEntropy, true, 0.2}},
    {"bce_multilabel", {LossKind::kBinaryCrossEntropy}},
    {"mse", {LossKind::kMeanSquaredError}},
    {"mae", {LossKind::kMeanAbsoluteError}},
    {"huber", {LossKind::kHuber}},
    {"huber_d.5", {.kind = LossKind::kHuber, .delta = 0.5}},
};

struct Parameter {
  GoldenLoss loss;
  DType dtype;
};

std::ostream& operator<<(std::ostream& stream, const Parameter& parameter) {
  return stream << parameter.loss.name << " " << name_of(parameter.dtype);
}

class GoldenLosses : public testing::TestWithParam<Parameter> {
 protected:
  static std::filesystem::path folder() { return std::filesystem::path(TUTTI_SOURCE_DIR) / "tests/golden/losses"; }
};

Tensor run_reference(const Op& op, const std::vector<Tensor>& inputs) {
  OpCall call{op, {}, {}};
  std::vector<ConstView> in;
  for (const Tensor& input : inputs) {
    call.inputs.push_back(input.type());
    in.push_back(input.view());
  }
  call.outputs = infer_types(op, call.inputs);
  Tensor output(call.outputs.front());
  const View out = output.view();
  prepare_reference(call).kernel->run(in, {&out, 1});
  return output;
}

TEST_P(GoldenLosses, HasKerasValueAndGradient) {
  const auto& [loss, dtype] = GetParam();
  const std::string file = "losses_" + std::string(name_of(dtype)) + ".json";
  const nlohmann::json golden = nlohmann::json::parse(read_file(folder() / file))["losses"][loss.name];
  const std::map<std::string, Tensor> arrays = read_npz(folder() / "inputs.npz");
  const Tensor prediction = arrays.at(golden["pred"]).cast(dtype);
  const bool sparse = loss.attributes.kind == LossKind::kSparseCategoricalCrossEntropy;
  const Tensor target = arrays.at(golden["true"]).cast(sparse ? DType::kInt32 : dtype);
  // Keras rounds after every step of a float32 formula; a gradient of a clipped probability near 1e-7 shows it.
  const double tolerance = dtype == DType::kFloat64 ? 1e-12 : 2e-6;

  const Tensor values = run_reference(Loss{loss.attributes}, {prediction, target}).cast(DType::kFloat64);
  double mean = 0.0;
  const auto n = static_cast<std::size_t>(values.elements());
  // Keras's Huber forgets its delta when it is rebuilt from its config, as the program that wrote the samples' values did:
  // those of huber_d.5 have delta 1 (their mean is not the "loss" beside them).
  const nlohmann::json& samples = golden["reduction_none"];
  const bool has_samples = loss.attributes.delta == 1.0;
  ASSERT_EQ(n, samples.size());
  for (std::size_t i = 0; i < n; ++i) {
    const double value = values.data<double>()[i], want = has_samples ? samples[i].get<double>() : value;
    EXPECT_NEAR(value, want, tolerance * std::max(1.0, std::abs(want))) << "sample " << i;
    mean += value / static_cast<double>(n);
  }
  EXPECT_NEAR(mean, golden["loss"].get<double>(), tolerance * std::max(1.0, std::abs(mean)));

  Tensor dloss(values.shape(), DType::kFloat64);
  for (double& element : dloss.data<double>()) element = 1.0 / static_cast<double>(n);
  const Tensor gradient =
      run_reference(LossGrad{loss.attributes}, {dloss.cast(dtype), prediction, target}).cast(DType::kFloat64);
  const auto c = static_cast<std::size_t>(prediction.shape()[-1]);
  for (std::size_t i = 0; i < n * c; ++i) {
    const double want = golden["grad"][i / c][i % c];
    EXPECT_NEAR(gradient.data<double>()[i], want, tolerance * std::max(1.0, std::abs(want)))
        << "row " << i / c << " column " << i % c;
  }
}

std::vector<Parameter> parameters() {
  std::vector<Parameter> all;
  for (const DType dtype : {DType::kFloat32, DType::kFloat64})
    for (const GoldenLoss& loss : kLosses) all.push_back({loss, dtype});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Keras3, GoldenLosses, testing::ValuesIn(parameters()), [](const auto& test) {
  std::string name = std::string(test.param.loss.name) + "_" + std::string(name_of(test.param.dtype));
  for (char& c : name)
    if (c == '.') c = '_';
  return name;
});

}  // namespace
}  // namespace tutti
