#include <algorithm>
#include <cmath>

#include "tutti/engines/reference/kernels.h"

namespace tutti::reference {
namespace {

double term(ReduceKind kind, double x) {
  switch (kind) {
    case ReduceKind::kSum:
    case ReduceKind::kMean:
      return x;
    case ReduceKind::kSumSquares:
      return x * x;
    case ReduceKind::kSumAbs:
      return std::abs(x);
  }
  return x;
}

// With what strides walking x walks y: 0 along the axes that are summed.
Strides output_strides(const Reduce& op, const Shape& x) {
  Strides strides(static_cast<std::size_t>(x.rank()), 0);
  if (op.axes.empty()) return strides;
  std::int64_t stride = 1;
  for (int axis = x.rank() - 1; axis >= 0; --axis) {
    if (std::find(op.axes.begin(), op.axes.end(), axis) != op.axes.end()) continue;
    strides[static_cast<std::size_t>(axis)] = stride;
    stride *= x[axis];
  }
  return strides;
}

template <class T>
void softmax(const Softmax& op, In in, Out out) {
  const std::int64_t c = (*in[0].shape)[-1];
  for (std::int64_t row = 0; row < rows(*in[0].shape); ++row) {
    const T* x = in[0].as<T>() + row * c;
    T* y = out[0].as<T>() + row * c;
    const double largest = *std::max_element(x, x + c);
    double sum = 0.0;
    for (std::int64_t i = 0; i < c; ++i) sum += std::exp(x[i] - largest);
    for (std::int64_t i = 0; i < c; ++i)
      y[i] = static_cast<T>(op.log ? x[i] - largest - std::log(sum) : std::exp(x[i] - largest) / sum);
  }
}

template <class T>
void softmax_grad(const SoftmaxGrad& op, In in, Out out) {
  const std::int64_t c = (*in[0].shape)[-1];
  for (std::int64_t row = 0; row < rows(*in[0].shape); ++row) {
    const T *dy = in[0].as<T>() + row * c, *y = in[1].as<T>() + row * c;
    T* dx = out[0].as<T>() + row * c;
    double sum = 0.0;
    for (std::int64_t i = 0; i < c; ++i) sum += op.log ? dy[i] : static_cast<double>(dy[i]) * y[i];
    for (std::int64_t i = 0; i < c; ++i)
      dx[i] = static_cast<T>(op.log ? dy[i] - std::exp(static_cast<double>(y[i])) * sum : y[i] * (dy[i] - sum));
  }
}

}  // namespace

void run(const Reduce& op, In in, Out out) {
  const Shape& shape = *in[0].shape;
  const double divisor =
      op.kind == ReduceKind::kMean ? static_cast<double>(elements(in[0])) / static_cast<double>(elements(out[0])) : 1.0;
  with_float(in[0].dtype, [&]<class T>(T) {
    const T* x = in[0].as<T>();
    std::vector<double> sums(static_cast<std::size_t>(elements(out[0])), 0.0);
    for_each_index(shape, std::array{output_strides(op, shape)},
                   [&](const auto& at) { sums[static_cast<std::size_t>(at[0])] += term(op.kind, *x++); });
    for (double& sum : sums) sum /= divisor;
    store(sums, out[0].as<T>());
  });
}

void run(const Softmax& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { softmax<T>(op, in, out); });
}

void run(const SoftmaxGrad& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { softmax_grad<T>(op, in, out); });
}

}  // namespace tutti::reference
