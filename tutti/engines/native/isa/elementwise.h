// Vectorised arithmetic, element by element. Outputs may be inputs.
#pragma once

#include <cstdint>

#include "tutti/graph/op.h"

namespace tutti::native {

struct ElementwiseIsa {
  using Unary = void (*)(const float* x, float* y, std::int64_t count);
  using Binary = void (*)(const float* a, const float* b, float* y, std::int64_t count);
  using WithScalar = void (*)(const float* a, float b, float* y, std::int64_t count);

  Unary unary[8];              // by UnaryKind
  Binary binary[6];            // by BinaryKind
  WithScalar scalar_right[6];  // a op b
  WithScalar scalar_left[6];   // b op a
  // scale * x + offset
  void (*affine)(const float* x, float scale, float offset, float* y, std::int64_t count);
  // alpha * a + beta * b
  void (*axpby)(float alpha, const float* a, float beta, const float* b, float* y, std::int64_t count);
  void (*clip)(const float* x, float low, float high, float* y, std::int64_t count);
  // x * scale where the mask is not 0, else 0
  void (*mask)(const float* x, const std::uint8_t* mask, float scale, float* y, std::int64_t count);
  // 1 where words[i] >= threshold, else 0
  void (*at_least)(const std::uint32_t* words, std::uint32_t threshold, std::int64_t count, std::uint8_t* mask);
};

const ElementwiseIsa& elementwise_isa();

}  // namespace tutti::native
