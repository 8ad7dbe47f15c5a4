// Vectorised loops over a matrix (rows, c): sums down the columns and along the rows, and maps with a value a column.
#pragma once

#include <cstdint>

namespace tutti::native {

// What is summed of an element x.
enum class Term : std::uint8_t { kValue, kSquare, kAbs };

struct ColumnsIsa {
  // Sum of term(x[i]), accumulated in float over short runs and in double over those.
  double (*sum)(Term term, const float* x, std::int64_t count);
  // sums[j] += sum over rows of term(x[row][j])
  void (*column_sums)(Term term, const float* x, std::int64_t rows, std::int64_t c, double* sums);
  // sums[j] += sum over rows of (x[row][j] - shift[j])^2
  void (*column_squares)(const float* x, const float* shift, std::int64_t rows, std::int64_t c, double* sums);
  // sums[j] += sum over rows of dy[row][j] * (x[row][j] - shift[j])
  void (*column_products)(const float* dy, const float* x, const float* shift, std::int64_t rows, std::int64_t c, double* sums);
  // y = (x - shift) * scale + offset
  void (*normalize)(const float* x, const float* shift, const float* scale, const float* offset, std::int64_t rows,
                    std::int64_t c, float* y);
  // dx = a * dy + b * (x - shift) + offset
  void (*normalize_grad)(const float* dy, const float* x, const float* shift, const float* a, const float* b,
                         const float* offset, std::int64_t rows, std::int64_t c, float* dx);
  // y = (x - mean) gamma / sqrt(variance + epsilon) + beta by row, and the statistics.
  void (*layer_norm)(const float* x, const float* gamma, const float* beta, double epsilon, std::int64_t rows, std::int64_t c,
                     float* y, float* mean, float* variance);
  // dx of it; adds to dgamma (c) and dbeta (c). `scratch` holds 2 c floats.
  void (*layer_norm_grad)(const float* dy, const float* x, const float* gamma, const float* mean, const float* variance,
                          double epsilon, std::int64_t rows, std::int64_t c, float* scratch, float* dx, double* dgamma,
                          double* dbeta);
  // y[row] = softmax(x[row]), or its logarithm; y may not be x.
  void (*softmax)(const float* x, std::int64_t rows, std::int64_t c, bool log, float* y);
  void (*softmax_grad)(const float* dy, const float* y, std::int64_t rows, std::int64_t c, bool log, float* dx);
};

const ColumnsIsa& columns_isa();

}  // namespace tutti::native
