#include "tutti/base/parallel.h"
#include "tutti/engines/reference/kernels.h"

namespace tutti::reference {
namespace {

template <class T>
void matmul(const MatMul& op, In in, Out out) {
  const Shape &a_shape = *in[0].shape, &b_shape = *in[1].shape;
  const std::int64_t m = (*out[0].shape)[0], n = (*out[0].shape)[1], k = a_shape[op.transpose_a ? 0 : 1];
  const std::int64_t a_row = op.transpose_a ? 1 : a_shape[1], a_column = op.transpose_a ? a_shape[1] : 1;
  const std::int64_t b_row = op.transpose_b ? 1 : b_shape[1], b_column = op.transpose_b ? b_shape[1] : 1;
  const T *a = in[0].as<T>(), *b = in[1].as<T>(), *bias = in.size() > 2 ? in[2].as<T>() : nullptr;
  std::vector<double> rows(static_cast<std::size_t>(k * n));  // of b: (k, n)
  for (std::int64_t p = 0; p < k; ++p)
    for (std::int64_t j = 0; j < n; ++j) rows[static_cast<std::size_t>(p * n + j)] = b[p * b_row + j * b_column];
  parallel_for(0, m, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sums(static_cast<std::size_t>(n));
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t j = 0; j < n; ++j) sums[static_cast<std::size_t>(j)] = bias ? bias[j] : 0.0;
      for (std::int64_t p = 0; p < k; ++p) {
        const double value = a[i * a_row + p * a_column];
        add_scaled(sums.data(), &rows[static_cast<std::size_t>(p * n)], value, n);
      }
      store(sums, out[0].as<T>() + i * n);
    }
  });
}

}  // namespace

void run(const MatMul& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { matmul<T>(op, in, out); });
}

}  // namespace tutti::reference
