// The native kernels against the reference engine: odd sizes, tails and unaligned buffers on one and on several threads.
#include "tutti/engines/native/native.h"

#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tutti/base/parallel.h"
#include "tutti/base/philox.h"
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

// A buffer one element off the alignment, as the seam allows, between guards that must survive.
class Unaligned {
 public:
  explicit Unaligned(const Tensor& tensor) : type_(tensor.type()), bytes_(tensor.bytes() + 2 * kGuard, kPoison) {
    if (tensor.bytes() > 0) std::memcpy(bytes_.data() + kGuard, tensor.raw(), tensor.bytes());
  }
  explicit Unaligned(const TensorType& type) : type_(type), bytes_(type.bytes() + 2 * kGuard, kPoison) {}
  View view() { return {bytes_.data() + kGuard, type_.dtype, &type_.shape}; }
  bool guards_hold() const {
    for (std::size_t i = 0; i < kGuard; ++i)
      if (bytes_[i] != kPoison || bytes_[bytes_.size() - 1 - i] != kPoison) return false;
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 8 + 4;
  static constexpr char kPoison = '\xff';  // NaN in every float
  TensorType type_;
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

// Runs `op` on both engines and compares every output.
void check(const Op& op, const std::vector<Tensor>& inputs, Tolerance tolerance = {}) {
  OpCall call{op, {}, {}};
  for (const Tensor& tensor : inputs) call.inputs.push_back(tensor.type());
  call.outputs = infer_types(op, call.inputs);
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
  Prepared native = make_native_engine()->prepare(call);
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

struct ConvCase {
  Shape x, kernel;
  ConvAttributes attributes;
};

const std::vector<ConvCase>& conv_cases() {
  static const std::vector<ConvCase> cases{
      {{2, 8, 8, 3}, {3, 3, 3, 32}, {.padding = {1, 1, 1, 1}}},
      {{2, 9, 7, 32}, {3, 3, 32, 64}, {}},
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
  };
  return cases;
}

Shape output_shape(const ConvCase& c) {
  const std::vector<TensorType> types{{DType::kFloat32, c.x}, {DType::kFloat32, c.kernel}};
  return infer_types(Conv2D{c.attributes}, types)[0].shape;
}

TEST_P(NativeTest, Conv2D) {
  for (const ConvCase& c : conv_cases()) {
    check(Conv2D{c.attributes}, {random_tensor(c.x, 1), random_tensor(c.kernel, 2)});
    check(Conv2D{c.attributes}, {random_tensor(c.x, 1), random_tensor(c.kernel, 2), random_tensor({c.kernel[3]}, 3)});
  }
}

TEST_P(NativeTest, Conv2DInputGrad) {
  for (const ConvCase& c : conv_cases())
    check(Conv2DInputGrad{c.attributes, c.x}, {random_tensor(output_shape(c), 1), random_tensor(c.kernel, 2)});
}

TEST_P(NativeTest, Conv2DKernelGrad) {
  for (const ConvCase& c : conv_cases())
    check(Conv2DKernelGrad{c.attributes, c.kernel}, {random_tensor(c.x, 1), random_tensor(output_shape(c), 2)}, {1e-5, 5e-5});
}

TEST_P(NativeTest, MatMul) {
  struct Size {
    std::int64_t m, n, k;
  };
  for (const auto& [m, n, k] :
       {Size{1, 1, 1}, {3, 10, 5}, {32, 10, 512}, {17, 33, 300}, {130, 65, 257}, {5, 530, 40}, {300, 7, 9}})
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

}  // namespace
}  // namespace tutti
