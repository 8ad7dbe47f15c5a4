#include "harness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

namespace tutti::conformance {
namespace {

constexpr std::size_t kGuardBytes = 256;  // beyond the widest vector and a whole cache line before it
constexpr std::byte kGuard{0xa5};

using namespace op;

enum class Arithmetic { kNone, kElementwise, kReduction, kProducts };

Arithmetic arithmetic_of(const Op& op) {
  return std::visit(Overloaded{[](const Conv2D&) { return Arithmetic::kProducts; },
                               [](const Conv2DInputGrad&) { return Arithmetic::kProducts; },
                               [](const Conv2DKernelGrad&) { return Arithmetic::kProducts; },
                               [](const MatMul&) { return Arithmetic::kProducts; },
                               [](const MaxPool2D&) { return Arithmetic::kNone; },
                               [](const Pad&) { return Arithmetic::kNone; },
                               [](const Slice&) { return Arithmetic::kNone; },
                               [](const Concat&) { return Arithmetic::kNone; },
                               [](const Upsample2D&) { return Arithmetic::kNone; },
                               [](const Reshape&) { return Arithmetic::kNone; },
                               [](const Transpose&) { return Arithmetic::kNone; },
                               [](const Cast&) { return Arithmetic::kNone; },
                               [](const Fill&) { return Arithmetic::kNone; },
                               [](const Increment&) { return Arithmetic::kNone; },
                               [](const Reduce&) { return Arithmetic::kReduction; },
                               [](const Softmax&) { return Arithmetic::kReduction; },
                               [](const SoftmaxGrad&) { return Arithmetic::kReduction; },
                               [](const BatchNorm&) { return Arithmetic::kReduction; },
                               [](const BatchNormGrad&) { return Arithmetic::kReduction; },
                               [](const BatchNormInferenceGrad&) { return Arithmetic::kReduction; },
                               [](const LayerNorm&) { return Arithmetic::kReduction; },
                               [](const LayerNormGrad&) { return Arithmetic::kReduction; },
                               [](const Loss&) { return Arithmetic::kReduction; },
                               [](const LossGrad&) { return Arithmetic::kReduction; },
                               [](const auto&) { return Arithmetic::kElementwise; }},
                    op);
}

bool takes_logarithm(const Op& op) {
  const auto* softmax = std::get_if<Softmax>(&op);
  const auto* unary = std::get_if<Unary>(&op);
  return (softmax && softmax->log) || (unary && unary->kind == UnaryKind::kLog) || std::holds_alternative<Loss>(op);
}

template <class T>
std::string mismatch_of(const T* got, const T* want, const Shape& shape, const Tolerance& tolerance) {
  const std::int64_t count = shape.elements();
  double mean = 0.0;
  std::int64_t finite = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(static_cast<double>(want[i]))) continue;
    mean += std::abs(static_cast<double>(want[i]));
    ++finite;
  }
  mean /= static_cast<double>(std::max<std::int64_t>(finite, 1));
  std::int64_t wrong = 0, worst_at = -1;
  double worst = -1.0;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto a = static_cast<double>(got[i]), b = static_cast<double>(want[i]);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double error = std::abs(a - b), allowed = tolerance.relative * std::max({std::abs(b), mean, tolerance.scale});
    if (error <= allowed) continue;  // false where one of them is NaN or infinite
    ++wrong;
    const double excess = std::isfinite(error) ? error / std::max(allowed, 1e-300) : HUGE_VAL;
    if (excess > worst) worst = excess, worst_at = i;
  }
  if (wrong == 0) return "";
  return fmt::format(
      "{} of {} elements of {} differ; the worst, [{}], is {:.9g}, expected {:.9g} (tolerance {:.2g}, mean {:.3g})", wrong,
      count, to_string(shape), worst_at, static_cast<double>(got[worst_at]), static_cast<double>(want[worst_at]),
      tolerance.relative, mean);
}

class RegisteredTest : public testing::Test {
 public:
  explicit RegisteredTest(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override { body_(); }

 private:
  std::function<void()> body_;
};

std::vector<EngineUnderTest> make_engines() {
  std::vector<EngineUnderTest> engines;
  for (const EngineInfo& info : list_engines()) {
    if (!info.available) continue;
    for (const std::string& device : info.devices) {
      std::string label = device == "cpu" ? info.name : info.name + "_" + device;
      std::replace(label.begin(), label.end(), ':', '_');
      engines.push_back({label, make_engine(info.name, device)});
    }
  }
  return engines;
}

}  // namespace

GuardedBuffer::GuardedBuffer(const TensorType& type, bool misaligned, unsigned char garbage)
    : type_(type), storage_(type.bytes() + 2 * kGuardBytes + Tensor::kAlignment + size_of(type.dtype), kGuard) {
  void* at = storage_.data() + kGuardBytes;
  std::size_t space = storage_.size() - kGuardBytes;
  data_ = static_cast<std::byte*>(std::align(Tensor::kAlignment, type.bytes(), at, space));
  if (misaligned) data_ += size_of(type.dtype);
  std::memset(data_, garbage, type.bytes());
}

void GuardedBuffer::copy_from(const Tensor& tensor) { std::memcpy(data_, tensor.raw(), tensor.bytes()); }

Tensor GuardedBuffer::copy() const {
  Tensor tensor(type_);
  std::memcpy(tensor.raw(), data_, tensor.bytes());
  return tensor;
}

bool GuardedBuffer::holds(const Tensor& tensor) const { return std::memcmp(data_, tensor.raw(), tensor.bytes()) == 0; }

bool GuardedBuffer::guards_intact() const {
  const std::byte *begin = storage_.data(), *end = begin + storage_.size();
  const auto is_guard = [](std::byte byte) { return byte == kGuard; };
  return std::all_of(begin, static_cast<const std::byte*>(data_), is_guard) &&
         std::all_of(static_cast<const std::byte*>(data_ + type_.bytes()), end, is_guard);
}

Tolerance tolerance_of(const Op& op, DType dtype) {
  const bool single = dtype == DType::kFloat32;
  // The logarithm of a number near 1 is known only as exactly as that number.
  const double scale = takes_logarithm(op) ? 1.0 : 0.0;
  switch (arithmetic_of(op)) {
    // Elements are moved, chosen or converted: nothing is rounded but by the type itself.
    case Arithmetic::kNone:
      return {};
    // Some 60 units in the last place: polynomials for exp, tanh and erf, and one or two roundings on each side of them; the
    // worst is oneDNN's logarithm.
    case Arithmetic::kElementwise:
      return {single ? 4e-6 : 1e-14, scale};
    // Sums of up to some thousand terms in any order, differences from a mean, then a division or a logarithm.
    case Arithmetic::kReduction:
      return {single ? 1e-5 : 1e-13, scale};
    // Sums of some thousand products of both signs in any order; the transforms of Winograd's algorithm lose another digit.
    case Arithmetic::kProducts:
      return {single ? 3e-5 : 1e-13, scale};
  }
  return {};
}

std::string mismatch(const ConstView& got, const Tensor& want, const Tolerance& tolerance) {
  switch (want.dtype()) {
    case DType::kFloat32:
      return mismatch_of(got.as<float>(), want.data<float>().data(), want.shape(), tolerance);
    case DType::kFloat64:
      return mismatch_of(got.as<double>(), want.data<double>().data(), want.shape(), tolerance);
    case DType::kInt32:
      return mismatch_of(got.as<std::int32_t>(), want.data<std::int32_t>().data(), want.shape(), {});
    case DType::kInt64:
      return mismatch_of(got.as<std::int64_t>(), want.data<std::int64_t>().data(), want.shape(), {});
    case DType::kUInt8:
      return mismatch_of(got.as<std::uint8_t>(), want.data<std::uint8_t>().data(), want.shape(), {});
  }
  return "";
}

const std::vector<EngineUnderTest>& engines_under_test() {
  static const std::vector<EngineUnderTest> engines = make_engines();
  return engines;
}

void register_test(const char* suite, const std::string& name, std::function<void()> body) {
  testing::RegisterTest(
      suite, name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
      [body = std::move(body)]() -> testing::Test* { return std::make_unique<RegisteredTest>(body).release(); });
}

}  // namespace tutti::conformance
