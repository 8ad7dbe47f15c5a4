// The native kernels against the reference engine: odd sizes, tails and unaligned buffers on one and on several threads.
#include "tutti/engines/native/native.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tutti/base/files.h"
#include "tutti/base/parallel.h"
#include "tutti/base/philox.h"
#include "tutti/engines/native/isa/gemm.h"
#include "tutti/engines/native/isa/instruction_set.h"
#include "tutti/engines/native/tune.h"
#include "tutti/engines/reference/reference.h"

namespace tutti {
namespace {

using namespace op;

// Values in [low, high) of a tensor, the same at every call.
Tensor random_tensor(const Shape& shape, std::uint32_t stream, float low = -1, float high = 1) {
  Tensor tensor(shape);
  const Philox random(42, stream);
  const std::span<float> data = tensor.data<float>();
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = low + (high - low) * random.uniform(i);
  return tensor;
}

// A buffer one element off any larger alignment, as the seam allows, between guards that must survive.
class Unaligned {
 public:
  explicit Unaligned(const TensorType& type)
      : type_(type), guard_(32 + size_of(type.dtype)), bytes_(type.bytes() + 2 * guard_, kPoison) {}
  explicit Unaligned(const Tensor& tensor) : Unaligned(tensor.type()) {
    if (tensor.bytes() > 0) std::memcpy(bytes_.data() + guard_, tensor.raw(), tensor.bytes());
  }
  View view() { return {bytes_.data() + guard_, type_.dtype, &type_.shape}; }
  bool guards_hold() const {
    for (std::size_t i = 0; i < guard_; ++i)
      if (bytes_[i] != kPoison || bytes_[bytes_.size() - 1 - i] != kPoison) return false;
    return true;
  }

 private:
  static constexpr char kPoison = '\xff';  // NaN in every float
  TensorType type_;
  std::size_t guard_;
  std::vector<char> bytes_;
};

struct Tolerance {
  double relative = 1e-5, absolute = 1e-5;
};

void expect_close(const View& got, const View& expected, Tolerance tolerance, const std::string& name) {
  ASSERT_EQ(got.dtype, expected.dtype);
  for (std::int64_t i = 0; i < got.shape->elements(); ++i) {
    if (got.dtype == DType::kFloat32) {
      const double a = got.as<float>()[i], b = expected.as<float>()[i];
      if (std::isnan(b) && std::isnan(a)) continue;
      ASSERT_TRUE(a == b || std::abs(a - b) <= tolerance.absolute + tolerance.relative * std::abs(b))
          << name << " element " << i << ": " << a << " instead of " << b;
    } else {
      const auto size = static_cast<std::int64_t>(size_of(got.dtype));
      ASSERT_EQ(std::memcmp(got.as<char>() + i * size, expected.as<char>() + i * size, static_cast<std::size_t>(size)), 0)
          << name << " element " << i;
    }
  }
}

using Prepare = std::function<Prepared(const OpCall&)>;

OpCall call_of(const Op& op, const std::vector<Tensor>& inputs) {
  OpCall call{op, {}, {}};
  for (const Tensor& tensor : inputs) call.inputs.push_back(tensor.type());
  call.outputs = infer_types(op, call.inputs);
  return call;
}

// Runs `op` on both engines and compares every output.
void check(
    const Op& op, const std::vector<Tensor>& inputs, Tolerance tolerance = {},
    const Prepare& prepare = [](const OpCall& call) { return make_native_engine()->prepare(call); }) {
  const OpCall call = call_of(op, inputs);
  std::string name = fmt::format("{} {}", name_of(op), attributes_of(op));
  for (const Tensor& tensor : inputs) name += fmt::format(" {}", to_string(tensor.shape()));
  std::vector<Unaligned> in, expected, got;
  std::vector<ConstView> in_views;
  std::vector<View> expected_views, got_views;
  in.reserve(inputs.size());
  for (const Tensor& tensor : inputs) in_views.push_back(in.emplace_back(tensor).view());
  expected.reserve(call.outputs.size()), got.reserve(call.outputs.size());
  for (const TensorType& type : call.outputs) {
    expected_views.push_back(expected.emplace_back(type).view());
    got_views.push_back(got.emplace_back(type).view());
  }
  prepare_reference(call).kernel->run(in_views, expected_views);
  Prepared native = prepare(call);
  ASSERT_TRUE(native.kernel) << name << ": " << native.refusal;
  for (int run = 0; run < 2; ++run) {  // a kernel runs many times
    native.kernel->run(in_views, got_views);
    for (std::size_t i = 0; i < got.size(); ++i) {
      expect_close(got_views[i], expected_views[i], tolerance, name);
      EXPECT_TRUE(got[i].guards_hold()) << name;
    }
  }
}

// Every test runs on one thread and on three: more than some shapes have rows.
class NativeTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { set_num_threads(GetParam()); }
  void TearDown() override { set_num_threads(before_); }
  int before_ = num_threads();
};
INSTANTIATE_TEST_SUITE_P(Threads, NativeTest, testing::Values(1, 3));

TEST(NativeInstructionSet, IsTheOneThatWasAskedFor) {
  make_native_engine();
  const std::string asked = env("TUTTI_NATIVE_ISA");
  if (asked.empty()) GTEST_SKIP() << "TUTTI_NATIVE_ISA is not set; the processor's best is " << native::instruction_set();
  EXPECT_EQ(native::instruction_set(), asked);
  // Those of the kernels that are called. The baseline is emulated: 4 floats, or 1 with compilers that have no 128-bit vectors.
  const std::ptrdiff_t lanes = native::gemm_isa().lanes;
  if (asked == "baseline")
    EXPECT_TRUE(lanes == 1 || lanes == 4) << lanes;
  else
    EXPECT_EQ(lanes, asked == "avx512" ? 16 : asked == "avx2" ? 8 : 4);
}

struct ConvCase {
  Shape x, kernel;
  ConvAttributes attributes;
};

const std::vector<ConvCase>& conv_cases() {
  static const std::vector<ConvCase> cases{
      {{2, 8, 8, 3}, {3, 3, 3, 32}, {.padding = {1, 1, 1, 1}}},
      {{2, 9, 7, 32}, {3, 3, 32, 64}, {}},
      {{5, 14, 13, 18}, {3, 3, 18, 35}, {.padding = {1, 1, 1, 1}}},
      {{1, 33, 35, 5}, {3, 3, 5, 17}, {.padding = {1, 1, 1, 1}}},
      {{3, 7, 9, 6}, {3, 2, 6, 5}, {.strides = {2, 2}, .padding = {0, 1, 1, 0}}},
      {{2, 11, 12, 4}, {5, 3, 4, 40}, {.strides = {2, 3}, .padding = {2, 2, 1, 1}}},
      {{2, 10, 10, 4}, {3, 3, 4, 33}, {.dilations = {2, 3}, .padding = {2, 2, 3, 3}}},
      {{1, 9, 9, 8}, {3, 3, 2, 12}, {.padding = {1, 1, 1, 1}, .groups = 4}},
      {{2, 6, 6, 16}, {1, 1, 16, 24}, {}},
      {{2, 7, 7, 16}, {1, 1, 16, 24}, {.strides = {2, 2}}},
      {{1, 7, 7, 3}, {2, 2, 3, 9}, {.strides = {3, 3}}},
      {{2, 5, 6, 7}, {3, 3, 1, 7}, {.padding = {1, 1, 1, 1}, .groups = 7}},
      {{2, 9, 8, 36}, {3, 3, 1, 36}, {.strides = {2, 2}, .padding = {1, 1, 1, 1}, .groups = 36}},
      {{2, 9, 8, 6}, {3, 3, 1, 12}, {.padding = {1, 1, 1, 1}, .groups = 6}},
      {{2, 9, 8, 20}, {3, 3, 1, 20}, {.dilations = {2, 2}, .padding = {2, 2, 2, 2}, .groups = 20}},
      {{1, 2, 2, 3}, {5, 5, 3, 4}, {.padding = {4, 4, 4, 4}}},
      {{1, 40, 1, 2}, {3, 1, 2, 2}, {.strides = {1, 1}}},
      {{9, 3, 3, 2}, {3, 3, 2, 5}, {}},
      {{1, 3, 9, 2}, {5, 3, 2, 3}, {.strides = {2, 1}, .padding = {3, 3, 0, 0}}},
  };
  return cases;
}

// What a program of the native engine computes from x with these weights, and what the reference engine does.
class TwoPrograms {
 public:
  explicit TwoPrograms(const Graph& graph)
      : graph_(graph), native_(make_native_engine()->compile(graph)), reference_(make_reference_engine()->compile(graph)) {}
  void write(VariableId variable, const Tensor& value) {
    native_->write(variable, value);
    reference_->write(variable, value);
  }
  // How many nodes the native engine's kernel computes that computes the first one.
  std::size_t nodes_with_the_first(const Tensor& x) {
    const Feed feed{graph_.inputs().front().value, x.view()};
    for (const StepTime& step : native_->run_timed({&feed, 1}, {}))
      if (std::ranges::count(step.nodes, 0)) return step.nodes.size();
    return 0;
  }
  void expect_agreement(const Tensor& x, const std::string& name) {
    const NamedValue& output = graph_.outputs().front();
    Tensor got(graph_.type(output.value)), expected(graph_.type(output.value));
    const Feed feed{graph_.inputs().front().value, x.view()};
    const Fetch fetch_got{output.value, got.view()}, fetch_expected{output.value, expected.view()};
    native_->run({&feed, 1}, {&fetch_got, 1});
    reference_->run({&feed, 1}, {&fetch_expected, 1});
    expect_close(got.view(), expected.view(), {1e-4, 1e-4}, name);
  }

 private:
  Graph graph_;
  std::unique_ptr<Program> native_, reference_;
};

// relu(normalise(conv(x) + bias)) with given statistics, as in inference; variables 0 to 5: kernel, bias, gamma, beta, mean,
// variance.
Graph normalised_conv(const ConvCase& c, bool with_bias, bool with_relu) {
  Graph graph;
  const auto variable = [&](const char* name, const Shape& shape) { return graph.variable(name, {DType::kFloat32, shape}); };
  const Shape channels{c.kernel[-1]};
  const ValueId x = graph.input("x", {DType::kFloat32, c.x}), kernel = variable("kernel", c.kernel);
  const ValueId bias = variable("bias", channels), gamma = variable("gamma", channels), beta = variable("beta", channels);
  const ValueId mean = variable("mean", channels), variance = variable("variance", channels);
  std::vector<ValueId> inputs{x, kernel};
  if (with_bias) inputs.push_back(bias);
  ValueId y = graph.add1(Conv2D{c.attributes}, inputs);
  y = graph.add1(BatchNormInference{1e-3}, {y, gamma, beta, mean, variance});
  graph.output("y", with_relu ? graph.add1(Activation{ActivationKind::kRelu}, {y}) : y);
  return graph;
}

Shape output_shape(const ConvCase& c) {
  const std::vector<TensorType> types{{DType::kFloat32, c.x}, {DType::kFloat32, c.kernel}};
  return infer_types(Conv2D{c.attributes}, types)[0].shape;
}

// Calls body(tolerance) with direct sums alone, then with Winograd's algorithm allowed: its errors, some ten times as large,
// are small beside a typical element, but not beside one near 0.
template <class Body>
void at_both_precisions(const Body& body) {
  setenv("TUTTI_NATIVE_PRECISION", "strict", 1);
  body(Tolerance{});
  unsetenv("TUTTI_NATIVE_PRECISION");
  body(Tolerance{1e-5, 5e-5});
}

TEST_P(NativeTest, Conv2D) {
  at_both_precisions([](Tolerance tolerance) {
    for (const ConvCase& c : conv_cases()) {
      check(Conv2D{c.attributes}, {random_tensor(c.x, 1), random_tensor(c.kernel, 2)}, tolerance);
      check(Conv2D{c.attributes}, {random_tensor(c.x, 1), random_tensor(c.kernel, 2), random_tensor({c.kernel[3]}, 3)},
            tolerance);
    }
  });
}

TEST_P(NativeTest, InferenceTakesNormalisationIntoTheConvolution) {
  at_both_precisions([](Tolerance) {
    for (const ConvCase& c : conv_cases())
      for (const bool with_bias : {false, true})
        for (const bool with_relu : {false, true}) {
          TwoPrograms programs(normalised_conv(c, with_bias, with_relu));
          const Shape channels{c.kernel[-1]};
          const std::string name =
              fmt::format("conv {} {} bias {} relu {}", to_string(c.x), to_string(c.kernel), with_bias, with_relu);
          // Depthwise convolutions and those that are one matrix product leave the relu.
          const bool depthwise = c.attributes.groups == c.kernel[3], product = c.kernel[0] == 1 && c.attributes.strides[0] == 1;
          const bool takes_relu = with_relu && !depthwise && !product;
          EXPECT_EQ(programs.nodes_with_the_first(random_tensor(c.x, 1)), takes_relu ? 3 : 2) << name;
          for (std::uint32_t round = 0; round < 2; ++round) {  // weights that change are seen
            programs.write(0, random_tensor(c.kernel, 10 + round));
            for (VariableId i = 1; i < 5; ++i)
              programs.write(i, random_tensor(channels, 20 + 10 * round + static_cast<std::uint32_t>(i)));
            programs.write(5, random_tensor(channels, 60 + round, 0.1f, 2));
            for (std::uint32_t batch = 0; batch < 2; ++batch) programs.expect_agreement(random_tensor(c.x, 70 + batch), name);
          }
        }
  });
}

// A network that predicts, and one that trains its second convolution: what the first made of weights must follow.
TEST_P(NativeTest, PredictionsFollowTheWeightsThatAnotherProgramTrains) {
  const Shape shape{2, 16, 16, 16}, kernel_shape{3, 3, 16, 16};
  const auto conv = [&](Graph& graph, ValueId x, ValueId kernel) {
    return graph.add1(Conv2D{{.padding = {1, 1, 1, 1}}}, {x, kernel});
  };
  const auto kernels = [&](Graph& graph) {
    const TensorType type{DType::kFloat32, kernel_shape};
    return std::array{graph.variable("frozen", type), graph.variable("trained", type)};
  };
  Graph predicting, training;
  const auto [frozen, trained] = kernels(predicting);
  predicting.output("y", conv(predicting, conv(predicting, predicting.input("x", {DType::kFloat32, shape}), frozen), trained));
  const auto [frozen_there, trained_there] = kernels(training);
  const ValueId x = training.input("x", {DType::kFloat32, shape});
  const ValueId y = conv(training, conv(training, x, frozen_there), trained_there);
  const ValueId gradient =
      training.add1(Conv2DKernelGrad{{.padding = {1, 1, 1, 1}}, kernel_shape}, {conv(training, x, frozen_there), y});
  const ValueId step = training.add1(Affine{-1e-4, 0}, {gradient});
  training.update(trained_there, training.add1(Binary{BinaryKind::kAdd}, {trained_there, step}));
  const auto run = [](Program& program, const Graph& graph, const Tensor& batch) {
    const Feed feed{graph.inputs().front().value, batch.view()};
    Tensor result(graph.outputs().empty() ? TensorType{} : graph.type(graph.outputs().front().value));
    std::vector<Fetch> fetches;
    if (!graph.outputs().empty()) fetches.push_back({graph.outputs().front().value, result.view()});
    program.run({&feed, 1}, fetches);
    return result;
  };
  const auto native_engine = make_native_engine(), reference_engine = make_reference_engine();
  const auto native = native_engine->compile(predicting), reference = reference_engine->compile(predicting);
  const auto native_trainer = native_engine->compile(training, native.get());
  const auto reference_trainer = reference_engine->compile(training, reference.get());
  for (VariableId i = 0; i < 2; ++i) {
    const Tensor value = random_tensor(kernel_shape, 10 + static_cast<std::uint32_t>(i), -0.1f, 0.1f);
    native->write(i, value), reference->write(i, value);
  }
  for (std::uint32_t round = 0; round < 3; ++round) {
    const Tensor batch = random_tensor(shape, 20 + round);
    Tensor got = run(*native, predicting, batch), expected = run(*reference, predicting, batch);
    expect_close(got.view(), expected.view(), {1e-4, 1e-4}, fmt::format("round {}", round));
    run(*native_trainer, training, batch), run(*reference_trainer, training, batch);
  }
}

TEST_P(NativeTest, Conv2DInputGrad) {
  at_both_precisions([](Tolerance tolerance) {
    for (const ConvCase& c : conv_cases())
      check(Conv2DInputGrad{c.attributes, c.x}, {random_tensor(output_shape(c), 1), random_tensor(c.kernel, 2)}, tolerance);
  });
}

TEST_P(NativeTest, Conv2DKernelGrad) {
  at_both_precisions([](Tolerance) {
    for (const ConvCase& c : conv_cases())
      check(Conv2DKernelGrad{c.attributes, c.kernel}, {random_tensor(c.x, 1), random_tensor(output_shape(c), 2)}, {1e-5, 5e-5});
  });
}

// Runs each candidate of a convolution, be it the default or not.
template <class ConvOp>
int check_candidates(const ConvOp& op, const std::vector<Tensor>& inputs) {
  const auto candidates = native::conv_candidates(call_of(op, inputs));
  for (const native::ConvAlgorithm algorithm : candidates) {
    check(op, inputs, {1e-5, 5e-5}, [&](const OpCall& call) {
      Prepared prepared = native::prepare_conv(call, op, algorithm);
      EXPECT_EQ(prepared.kernel->algorithm(), native::conv_name(algorithm));
      return prepared;
    });
  }
  return static_cast<int>(candidates.size());
}

TEST_P(NativeTest, EveryCandidate) {
  int checked = 0;
  for (const ConvCase& c : conv_cases()) {
    if (c.attributes.groups > 1 || c.kernel[0] == 1) continue;
    const Tensor x = random_tensor(c.x, 1), kernel = random_tensor(c.kernel, 2), dy = random_tensor(output_shape(c), 3);
    checked += check_candidates(Conv2D{c.attributes}, {x, kernel, random_tensor({c.kernel[3]}, 4)});
    checked += check_candidates(Conv2DInputGrad{c.attributes, c.x}, {dy, kernel});
    checked += check_candidates(Conv2DKernelGrad{c.attributes, c.kernel}, {x, dy});
  }
  EXPECT_GE(checked, 3 * (12 + 5));
}

TEST_P(NativeTest, MatMul) {
  struct Size {
    std::int64_t m, n, k;
  };
  for (const auto& [m, n, k] : {Size{1, 1, 1},
                                {3, 10, 5},
                                {32, 10, 512},
                                {17, 33, 300},
                                {130, 65, 257},
                                {5, 530, 40},
                                {300, 7, 9},
                                {15, 40, 1024},
                                {9, 1030, 64}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const Tensor a = random_tensor(ta ? Shape{k, m} : Shape{m, k}, 1), b = random_tensor(tb ? Shape{n, k} : Shape{k, n}, 2);
        check(MatMul{ta, tb}, {a, b}, {1e-5, 3e-5});
        check(MatMul{ta, tb}, {a, b, random_tensor({n}, 3)}, {1e-5, 3e-5});
      }
}

// Relative to the value: a bound that a tail near 0 must keep too.
TEST_P(NativeTest, Activation) {
  for (int kind = 0; kind <= static_cast<int>(ActivationKind::kCelu); ++kind) {
    const Activation op{static_cast<ActivationKind>(kind), kind == static_cast<int>(ActivationKind::kLeakyRelu) ? 0.2 : 1.0};
    check(op, {random_tensor({37, 19}, 1, -6, 6)}, {1e-5, 1e-7});
    check(op, {random_tensor({3}, 1, -0.01f, 0.01f)}, {1e-5, 1e-7});
    check(op, {random_tensor({40000}, 1, -60, 60)}, {1e-5, 1e-6});
    check(op, {Tensor::of<float>({3}, {1, std::numeric_limits<float>::quiet_NaN(), -1})});
  }
}

TEST_P(NativeTest, ActivationGrad) {
  for (int kind = 0; kind <= static_cast<int>(ActivationKind::kCelu); ++kind) {
    const ActivationGrad op{static_cast<ActivationKind>(kind),
                            kind == static_cast<int>(ActivationKind::kLeakyRelu) ? 0.2 : 1.0};
    check(op, {random_tensor({37, 19}, 1), random_tensor({37, 19}, 2, -6, 6)}, {1e-5, 1e-6});
    check(op, {random_tensor({3}, 1), random_tensor({3}, 2, -0.01f, 0.01f)}, {1e-5, 1e-7});
  }
}

TEST_P(NativeTest, Unary) {
  for (int kind = 0; kind <= static_cast<int>(UnaryKind::kReciprocal); ++kind) {
    const auto unary = static_cast<UnaryKind>(kind);
    const bool needs_positive = unary == UnaryKind::kLog || unary == UnaryKind::kSqrt || unary == UnaryKind::kReciprocal;
    check(Unary{unary}, {random_tensor({41, 13}, 1, needs_positive ? 0.01f : -4, 4)}, {1e-5, 1e-6});
    const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    check(Unary{unary}, {Tensor::of<float>({6}, {0.0f, inf, -inf, nan, 100.0f, -100.0f})}, {1e-5, 1e-6});
  }
}

TEST_P(NativeTest, Binary) {
  for (int kind = 0; kind <= static_cast<int>(BinaryKind::kMin); ++kind) {
    const Binary op{static_cast<BinaryKind>(kind)};
    const Tensor matrix = random_tensor({65, 37}, 1, 0.5f, 2), row = random_tensor({37}, 2, 0.5f, 2),
                 one = random_tensor({}, 3, 0.5f, 2);
    check(op, {matrix, random_tensor({65, 37}, 2, 0.5f, 2)});
    check(op, {matrix, row});
    check(op, {row, matrix});
    check(op, {matrix, one});
    check(op, {one, matrix});
    check(op, {random_tensor({2, 3, 3, 5}, 1, 0.5f, 2), random_tensor({1, 1, 1, 5}, 2, 0.5f, 2)});
    check(op, {random_tensor({2, 90, 3, 65}, 1, 0.5f, 2), random_tensor({2, 1, 1, 65}, 2, 0.5f, 2)});
    check(op, {random_tensor({7, 1}, 1, 0.5f, 2), random_tensor({1, 5000}, 2, 0.5f, 2)});
    check(op, {random_tensor({3, 1, 5}, 1, 0.5f, 2), random_tensor({4, 1}, 2, 0.5f, 2)});
    check(op, {one, one});
  }
}

TEST_P(NativeTest, Arithmetic) {
  const Tensor x = random_tensor({50, 701}, 1, -3, 3), y = random_tensor({50, 701}, 2);
  check(Affine{1.5, -0.25}, {x});
  check(Axpby{0.9, 0.1}, {x, y});
  check(Clip{-1, 2}, {x});
  check(ClipByNorm{1.0}, {x, Tensor::scalar(25.0f)});
  check(ClipByNorm{1.0}, {x, Tensor::scalar(0.0f)});
  check(ClipByNorm{7.0}, {x, Tensor::scalar(25.0f)});
  check(Cast{DType::kFloat32}, {Tensor::of<std::uint8_t>({5}, {0, 1, 127, 128, 255})});
  check(Cast{DType::kFloat32}, {Tensor::of<std::int64_t>({3}, {-5, 1, 1 << 20})});
  check(Fill{{DType::kFloat32, {7, 9}}, 0.3}, {});
  check(Cast{DType::kUInt8}, {Tensor::of<float>({6}, {-1, 0.9f, 254.9f, 256, 1e20f, std::numeric_limits<float>::quiet_NaN()})});
  check(Cast{DType::kInt32}, {Tensor::of<float>({4}, {-1.9f, 3e9f, -3e9f, 2147483500.0f})});
  check(Fill{{DType::kInt64, {3}}, 7}, {});
  check(Increment{3}, {Tensor::scalar<std::int64_t>(41)});
}

TEST_P(NativeTest, Reduce) {
  for (const ReduceKind kind : {ReduceKind::kSum, ReduceKind::kMean, ReduceKind::kSumSquares, ReduceKind::kSumAbs}) {
    const Tensor x = random_tensor({9, 31, 7, 33}, 1);
    for (const std::vector<int>& axes : {std::vector<int>{}, {0, 1, 2}, {3}, {1, 2}, {0}, {2, 3}, {0, 2}, {1, 3}}) {
      check(Reduce{kind, axes}, {x}, {1e-5, 1e-3});
      check(Reduce{kind, axes, true}, {random_tensor({3, 2, 3, 2}, 1)});
    }
    check(Reduce{kind, {0}}, {random_tensor({20000, 10}, 1)}, {1e-5, 1e-3});
    check(Reduce{kind, {0}}, {random_tensor({3000, 64}, 1, 0, 1)}, {1e-6, 1e-6});
  }
}

TEST_P(NativeTest, Softmax) {
  for (const bool log : {false, true})
    for (const Shape& shape : {Shape{5, 10}, {3, 100}, {7, 1}, {400, 33}}) {
      // Of a probability near 1 the logarithm is as wrong as the sum that it divides by: an ulp of 1, 1.2e-7.
      check(Softmax{log}, {random_tensor(shape, 1, -20, 20)}, {2e-5, log ? 2.4e-7 : 1e-7});
      check(SoftmaxGrad{log}, {random_tensor(shape, 1), random_tensor(shape, 2, log ? -5.0f : 0.0f, log ? 0.0f : 1.0f)},
            {1e-5, 2e-5});
    }
}

TEST_P(NativeTest, SoftmaxOfNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  check(Softmax{}, {Tensor::of<float>({2, 3}, {1, nan, 2, 1, 2, 3})});
}

TEST_P(NativeTest, Loss) {
  for (const bool from_logits : {false, true})
    for (const double smoothing : {0.0, 0.1}) {
      const Tensor prediction = random_tensor({6, 10}, 1, from_logits ? -3.0f : 0.01f, from_logits ? 3.0f : 0.5f);
      const Tensor target = random_tensor({6, 10}, 2, 0, 0.2f), labels = Tensor::of<std::int32_t>({6}, {0, 9, 3, 10, -1, 5});
      const Tensor dloss = random_tensor({6}, 3);
      const LossAttributes dense{LossKind::kCategoricalCrossEntropy, from_logits, smoothing};
      const LossAttributes sparse{LossKind::kSparseCategoricalCrossEntropy, from_logits, smoothing};
      check(Loss{dense}, {prediction, target});
      check(Loss{sparse}, {prediction, labels});
      check(LossGrad{dense}, {dloss, prediction, target});
      check(LossGrad{sparse}, {dloss, prediction, labels});
      const LossAttributes binary{LossKind::kBinaryCrossEntropy, from_logits, smoothing};
      check(Loss{binary}, {prediction, target});
      check(LossGrad{binary}, {dloss, prediction, target});
      for (const LossKind kind : {LossKind::kMeanSquaredError, LossKind::kMeanAbsoluteError, LossKind::kHuber}) {
        check(Loss{{.kind = kind, .delta = 0.3}}, {prediction, target});
        check(LossGrad{{.kind = kind, .delta = 0.3}}, {dloss, prediction, target});
      }
      const Tensor sure = Tensor::of<float>({2, 3}, {1, 0, 0, 0, 0, 1});  // clipped
      check(Loss{sparse}, {sure, Tensor::of<std::int32_t>({2}, {0, 1})});
      check(LossGrad{sparse}, {random_tensor({2}, 3), sure, Tensor::of<std::int32_t>({2}, {0, 1})});
    }
}

TEST_P(NativeTest, BatchNorm) {
  for (const Shape& shape : {Shape{4, 5, 3, 32}, {70, 7}, {3, 33}, {900, 64}, {5, 1}}) {
    const std::int64_t c = shape[-1];
    const Tensor x = random_tensor(shape, 1, 3, 5), dy = random_tensor(shape, 2), gamma = random_tensor({c}, 3),
                 beta = random_tensor({c}, 4);
    const Tensor mean = random_tensor({c}, 5, 3.5f, 4.5f), variance = random_tensor({c}, 6, 0.1f, 1);
    const Tolerance tolerance{2e-5, 2e-5}, sums{2e-5, 2e-4};
    check(BatchNorm{1e-3}, {x, gamma, beta}, tolerance);
    check(BatchNormInference{1e-3}, {x, gamma, beta, mean, variance}, tolerance);
    check(BatchNormGrad{1e-3}, {dy, x, gamma, mean, variance}, sums);
    check(BatchNormInferenceGrad{1e-3}, {dy, x, gamma, mean, variance}, sums);
  }
}

TEST_P(NativeTest, LayerNorm) {
  for (const Shape& shape : {Shape{4, 5, 3, 32}, {70, 7}, {3, 133}, {900, 64}, {5, 1}}) {
    const std::int64_t c = shape[-1];
    const Tensor x = random_tensor(shape, 1, 3, 5), dy = random_tensor(shape, 2), gamma = random_tensor({c}, 3),
                 beta = random_tensor({c}, 4);
    Shape rows(std::vector(shape.begin(), shape.end() - 1));
    check(LayerNorm{1e-3}, {x, gamma, beta}, {2e-5, 2e-5});
    check(LayerNormGrad{1e-3}, {dy, x, gamma, random_tensor(rows, 5, 3.5f, 4.5f), random_tensor(rows, 6, 0.1f, 1)},
          {2e-5, 2e-4});
  }
}

TEST_P(NativeTest, Pooling) {
  const std::vector<PoolAttributes> kinds{{},
                                          {.window = {3, 3}, .strides = {2, 2}, .padding = {1, 1, 1, 1}},
                                          {.window = {3, 2}, .strides = {1, 1}},
                                          {.window = {2, 2}, .strides = {3, 3}},
                                          {.window = {7, 7}, .strides = {7, 7}}};
  for (const PoolAttributes& kind : kinds)
    for (const std::int64_t c : {3, 32, 37}) {
      const Shape x{2, 7, 9, c};
      const std::vector<TensorType> types{{DType::kFloat32, x}};
      const Shape y = infer_types(MaxPool2D{kind}, types)[0].shape;
      check(MaxPool2D{kind}, {random_tensor(x, 1)});
      check(AveragePool2D{kind}, {random_tensor(x, 1)});
      check(AveragePool2DGrad{kind, x}, {random_tensor(y, 2)});
      OpCall pool{MaxPool2D{kind}, types, infer_types(MaxPool2D{kind}, types)};
      const Tensor input = random_tensor(x, 1);
      Tensor out(pool.outputs[0]), argmax(pool.outputs[1]);
      prepare_reference(pool).kernel->run(std::array{input.view()}, std::array{out.view(), argmax.view()});
      check(MaxPool2DGrad{kind, x}, {random_tensor(y, 2), argmax});
    }
}

TEST_P(NativeTest, MaxPoolOfNanAndEqual) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  check(MaxPool2D{}, {Tensor::of<float>({1, 2, 8, 1}, {1, nan, 2, 2, -inf, -inf, nan, 5, nan, 3, 2, 1, -inf, -inf, 6, nan})});
}

TEST_P(NativeTest, Dropout) {
  const Tensor step = Tensor::scalar<std::int64_t>((std::int64_t{1} << 33) + 5);
  const Shape x{5, 7, 3, 37};
  for (const Shape& mask_shape :
       {x, Shape{5, 1, 1, 37}, Shape{5, 1, 3, 1}, Shape{1, 7, 3, 37}, Shape{5, 7, 3, 1}, Shape{1, 1, 1, 1}}) {
    const Dropout op{0.3, 0x123456789abcdefull, 77, mask_shape};
    check(op, {random_tensor(x, 1), step});
    Tensor mask(mask_shape, DType::kUInt8);
    for (std::int64_t i = 0; i < mask.elements(); ++i) mask.data<std::uint8_t>()[static_cast<std::size_t>(i)] = i % 3 == 1;
    check(DropoutGrad{0.3}, {random_tensor(x, 1), mask});
  }
  check(Dropout{0.5, 7, 8, {40000}}, {random_tensor({40000}, 1), step});
}

TEST_P(NativeTest, Layout) {
  const Tensor x = random_tensor({3, 5, 7, 4}, 1);
  check(Pad{{0, 1, 2, 0}, {0, 2, 0, 0}}, {x});
  check(Pad{{1, 0, 0, 3}, {0, 0, 1, 1}}, {x});
  check(Slice{{0, 1, 2, 0}, {3, 3, 4, 4}}, {x});
  check(Slice{{1, 0, 0, 1}, {2, 5, 7, 2}}, {x});
  check(Concat{3}, {x, random_tensor({3, 5, 7, 9}, 2), x});
  check(Concat{0}, {x, random_tensor({1, 5, 7, 4}, 2)});
  check(Upsample2D{{2, 3}}, {x});
  check(Upsample2DGrad{{1, 7}}, {x});
  check(Upsample2DGrad{{2, 2}}, {random_tensor({2, 4, 6, 37}, 1)});
  check(Reshape{{15, 28}}, {x});
  for (const std::vector<int>& permutation :
       {std::vector<int>{0, 1, 2, 3}, {3, 2, 1, 0}, {0, 3, 1, 2}, {0, 2, 1, 3}, {1, 0, 2, 3}})
    check(Transpose{permutation}, {x});
  check(Transpose{{1, 0}}, {Tensor::of<std::uint8_t>({2, 3}, {1, 2, 3, 4, 5, 6})});
  check(Slice{{1}, {2}}, {Tensor::of<std::int64_t>({4}, {1, 2, 3, 4})});
}

TEST_P(NativeTest, Optimizers) {
  const Shape shape{131, 257};
  const Tensor w = random_tensor(shape, 1), g = random_tensor(shape, 2), m = random_tensor(shape, 3),
               v = random_tensor(shape, 4, 0.1f, 1);
  const Tensor lr = Tensor::scalar(0.01f), step = Tensor::scalar<std::int64_t>(4);
  for (const double decay : {0.0, 0.1}) {
    check(SgdUpdate{0, false, decay}, {w, g, lr});
    check(SgdUpdate{0.9, false, decay}, {w, g, lr, m});
    check(SgdUpdate{0.9, true, decay}, {w, g, lr, m});
    check(AdamUpdate{0.9, 0.999, 1e-7, decay}, {w, g, lr, step, m, v});
    check(NadamUpdate{0.9, 0.999, 1e-7, decay}, {w, g, lr, step, m, v, Tensor::scalar(0.6f)});
    check(NadamProduct{0.9}, {Tensor::scalar(0.6f), step});
    check(RmspropUpdate{0.9, 0, 1e-7, false, decay}, {w, g, lr, v});
    check(RmspropUpdate{0.9, 0.5, 1e-7, false, decay}, {w, g, lr, v, m});
    const Tensor mean = random_tensor(shape, 5, -0.1f, 0.1f);
    check(RmspropUpdate{0.9, 0, 1e-7, true, decay}, {w, g, lr, v, mean}, {1e-5, 1e-4});
    check(RmspropUpdate{0.9, 0.5, 1e-7, true, decay}, {w, g, lr, v, m, mean}, {1e-5, 1e-4});
    check(AdagradUpdate{1e-7, decay}, {w, g, lr, v});
  }
}

}  // namespace
}  // namespace tutti
