// Matrix product on all threads, of packed panels and register tiles.
#pragma once

#include <cstdint>

namespace tutti::native {

// C (m, n) = op(A) op(B) + bias; all row-major, with row strides lda, ldb, ldc in floats.
struct GemmCall {
  std::int64_t m, n, k;
  const float* a;  // (m, k), or (k, m) if transpose_a
  std::int64_t lda;
  bool transpose_a;
  const float* b;  // (k, n), or (n, k) if transpose_b
  std::int64_t ldb;
  bool transpose_b;
  const float* bias;  // (n), or null
  float* c;
  std::int64_t ldc;
};

void gemm(const GemmCall& call);
// The same on the calling thread alone.
void gemm_on_this_thread(const GemmCall& call);

// Columns [first, first + columns) of a panel of B: `depth` rows of `pitch` floats, zeros right of the columns.
// B (k, n) with row stride ldb; b points to its first wanted element.
void pack_panel(const float* b, std::int64_t ldb, bool transposed, std::int64_t depth, std::int64_t columns, float* panel,
                std::int64_t pitch);

}  // namespace tutti::native
