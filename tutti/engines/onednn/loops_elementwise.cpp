#include <cmath>

#include "tutti/engines/onednn/loops.h"

namespace tutti::onednn {

using op::ActivationKind;
using op::BinaryKind;
using op::UnaryKind;

namespace {

constexpr float kSeluScale = 1.0507009873554805f, kSeluAlpha = 1.6732632423543772f;

// Lets NaN through.
TUTTI_ONEDNN_INLINE float clipped(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

// y[i] = function(x[i]) for i in [begin, end), to be inlined into a function for each instruction set.
template <class Function>
TUTTI_ONEDNN_INLINE void map(std::int64_t begin, std::int64_t end, const float* x, float* y, Function function) {
  TUTTI_ONEDNN_INDEPENDENT
  for (std::int64_t i = begin; i < end; ++i) y[i] = function(x[i]);
}

template <class Function>
TUTTI_ONEDNN_INLINE void map(std::int64_t begin, std::int64_t end, const float* a, const float* b, float* y,
                             Function function) {
  TUTTI_ONEDNN_INDEPENDENT
  for (std::int64_t i = begin; i < end; ++i) y[i] = function(a[i], b[i]);
}

TUTTI_ONEDNN_CLONES
void activate_part(ActivationKind kind, float alpha, std::int64_t begin, std::int64_t end, const float* x, float* y) {
  switch (kind) {
    case ActivationKind::kRelu:
      return map(begin, end, x, y, [](float v) { return v < 0 ? 0.0f : v; });
    case ActivationKind::kRelu6:
      return map(begin, end, x, y, [](float v) { return clipped(v, 0, 6); });
    case ActivationKind::kLeakyRelu:
      return map(begin, end, x, y, [=](float v) { return v < 0 ? alpha * v : v; });
    case ActivationKind::kSelu:
      return map(begin, end, x, y, [](float v) { return kSeluScale * (v > 0 ? v : kSeluAlpha * std::expm1(v)); });
    case ActivationKind::kCelu:
      return map(begin, end, x, y, [=](float v) { return v > 0 ? v : alpha * std::expm1(v / alpha); });
    case ActivationKind::kElu:
      return map(begin, end, x, y, [=](float v) { return v > 0 ? v : alpha * std::expm1(v); });
    case ActivationKind::kSoftsign:
      return map(begin, end, x, y, [](float v) { return v / (1 + std::abs(v)); });
    case ActivationKind::kHardSigmoid:
      return map(begin, end, x, y, [](float v) { return clipped(v / 6 + 0.5f, 0, 1); });
    case ActivationKind::kHardSigmoid2:
      return map(begin, end, x, y, [](float v) { return clipped(0.2f * v + 0.5f, 0, 1); });
    case ActivationKind::kHardSilu:
      return map(begin, end, x, y, [](float v) { return v * clipped(v / 6 + 0.5f, 0, 1); });
    case ActivationKind::kHardTanh:
      return map(begin, end, x, y, [](float v) { return clipped(v, -1, 1); });
    default:
      return;
  }
}

// s is the output for the kinds of which gradient_uses_output is true, else the input.
TUTTI_ONEDNN_CLONES
void activation_grad_part(ActivationKind kind, float alpha, std::int64_t begin, std::int64_t end, const float* dy,
                          const float* saved, float* dx) {
  const auto slope = [&](auto function) { map(begin, end, dy, saved, dx, [=](float g, float s) { return g * function(s); }); };
  switch (kind) {
    case ActivationKind::kRelu:
      return slope([](float s) { return s > 0 ? 1.0f : 0.0f; });
    case ActivationKind::kRelu6:
      return slope([](float s) { return ((s > 0) & (s < 6)) ? 1.0f : 0.0f; });
    case ActivationKind::kLeakyRelu:
      return slope([=](float s) { return s > 0 ? 1.0f : alpha; });
    case ActivationKind::kElu:
      return slope([=](float s) { return s > 0 ? 1.0f : s + alpha; });
    case ActivationKind::kSelu:
      return slope([](float s) { return s > 0 ? kSeluScale : s + kSeluScale * kSeluAlpha; });
    case ActivationKind::kSigmoid:
      return slope([](float s) { return s * (1 - s); });
    case ActivationKind::kTanh:
      return slope([](float s) { return 1 - s * s; });
    case ActivationKind::kExponential:
      return slope([](float s) { return s; });
    case ActivationKind::kSoftsign:
      return slope([](float s) { return 1 / ((1 + std::abs(s)) * (1 + std::abs(s))); });
    case ActivationKind::kHardSigmoid:
      return slope([](float s) { return std::abs(s) < 3 ? 1.0f / 6 : 0.0f; });
    case ActivationKind::kHardSigmoid2:
      return slope([](float s) { return std::abs(s) < 2.5f ? 0.2f : 0.0f; });
    case ActivationKind::kHardSilu:
      return slope([](float s) { return s <= -3 ? 0.0f : s >= 3 ? 1.0f : s / 3 + 0.5f; });
    case ActivationKind::kHardTanh:
      return slope([](float s) { return std::abs(s) < 1 ? 1.0f : 0.0f; });
    case ActivationKind::kCelu:
      return slope([=](float s) { return s > 0 ? 1.0f : std::exp(s / alpha); });
    default:
      return;
  }
}

TUTTI_ONEDNN_CLONES
void unary_part(UnaryKind kind, std::int64_t begin, std::int64_t end, const float* x, float* y) {
  switch (kind) {
    case UnaryKind::kNeg:
      return map(begin, end, x, y, [](float v) { return -v; });
    case UnaryKind::kAbs:
      return map(begin, end, x, y, [](float v) { return std::abs(v); });
    case UnaryKind::kSign:
      return map(begin, end, x, y, [](float v) { return v > 0 ? 1.0f : v < 0 ? -1.0f : v == 0 ? 0.0f : v; });
    case UnaryKind::kSquare:
      return map(begin, end, x, y, [](float v) { return v * v; });
    case UnaryKind::kSqrt:
      return map(begin, end, x, y, [](float v) { return std::sqrt(v); });
    case UnaryKind::kReciprocal:
      return map(begin, end, x, y, [](float v) { return 1 / v; });
    case UnaryKind::kLog:  // oneDNN's is 30 units off near 1
      return map(begin, end, x, y, [](float v) { return std::log(v); });
    case UnaryKind::kExp:
      return;
  }
}

// max and min as NumPy: a NaN on either side wins.
TUTTI_ONEDNN_CLONES
void binary_part(BinaryKind kind, std::int64_t begin, std::int64_t end, const float* a, const float* b, float* y) {
  switch (kind) {
    case BinaryKind::kAdd:
      return map(begin, end, a, b, y, [](float u, float v) { return u + v; });
    case BinaryKind::kSub:
      return map(begin, end, a, b, y, [](float u, float v) { return u - v; });
    case BinaryKind::kMul:
      return map(begin, end, a, b, y, [](float u, float v) { return u * v; });
    case BinaryKind::kDiv:
      return map(begin, end, a, b, y, [](float u, float v) { return u / v; });
    case BinaryKind::kMax:
      return map(begin, end, a, b, y, [](float u, float v) { return ((u > v) | (u != u)) ? u : v; });
    case BinaryKind::kMin:
      return map(begin, end, a, b, y, [](float u, float v) { return ((u < v) | (u != u)) ? u : v; });
  }
}

TUTTI_ONEDNN_CLONES
void affine_part(float scale, float offset, std::int64_t begin, std::int64_t end, const float* x, float* y) {
  map(begin, end, x, y, [=](float v) { return scale * v + offset; });
}

TUTTI_ONEDNN_CLONES
void axpby_part(float alpha, float beta, std::int64_t begin, std::int64_t end, const float* a, const float* b, float* y) {
  map(begin, end, a, b, y, [=](float u, float v) { return alpha * u + beta * v; });
}

TUTTI_ONEDNN_CLONES
void clip_part(float low, float high, std::int64_t begin, std::int64_t end, const float* x, float* y) {
  map(begin, end, x, y, [=](float v) { return clipped(v, low, high); });
}

TUTTI_ONEDNN_CLONES
void pixels_to_float_part(std::int64_t begin, std::int64_t end, const std::uint8_t* x, float* y) {
  for (std::int64_t i = begin; i < end; ++i) y[i] = static_cast<float>(x[i]);
}

}  // namespace

bool has_loop(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kGelu:
    case ActivationKind::kGeluTanh:
    case ActivationKind::kSilu:
    case ActivationKind::kSigmoid:
    case ActivationKind::kTanh:
    case ActivationKind::kSoftplus:
    case ActivationKind::kExponential:
    case ActivationKind::kMish:
    case ActivationKind::kLogSigmoid:
      return false;
    default:
      return true;
  }
}

bool has_gradient_loop(ActivationKind kind) { return op::gradient_uses_output(kind) || has_loop(kind); }

void activate(const op::Activation& op, std::int64_t count, const float* x, float* y) {
  for_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    activate_part(op.kind, static_cast<float>(op.alpha), begin, end, x, y);
  });
}

void activation_grad(const op::ActivationGrad& op, std::int64_t count, const float* dy, const float* saved, float* dx) {
  for_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    activation_grad_part(op.kind, static_cast<float>(op.alpha), begin, end, dy, saved, dx);
  });
}

void unary(UnaryKind kind, std::int64_t count, const float* x, float* y) {
  for_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) { unary_part(kind, begin, end, x, y); });
}

void binary(BinaryKind kind, std::int64_t count, const float* a, const float* b, float* y) {
  for_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) { binary_part(kind, begin, end, a, b, y); });
}

void affine(float scale, float offset, std::int64_t count, const float* x, float* y) {
  for_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) { affine_part(scale, offset, begin, end, x, y); });
}

void axpby(float alpha, float beta, std::int64_t count, const float* a, const float* b, float* y) {
  for_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) { axpby_part(alpha, beta, begin, end, a, b, y); });
}

void clip(float low, float high, std::int64_t count, const float* x, float* y) {
  for_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) { clip_part(low, high, begin, end, x, y); });
}

void pixels_to_float(std::int64_t count, const std::uint8_t* x, float* y) {
  for_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) { pixels_to_float_part(begin, end, x, y); });
}

}  // namespace tutti::onednn
