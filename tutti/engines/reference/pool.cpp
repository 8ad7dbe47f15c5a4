#include <algorithm>
#include <cmath>
#include <limits>

#include "tutti/engines/reference/kernels.h"

namespace tutti::reference {
namespace {

// The cells of one window that lie inside the image.
struct Window {
  std::int64_t image;   // n
  std::int64_t output;  // output pixel, row-major over (n, o_h, o_w)
  std::int64_t row_begin, row_end, column_begin, column_end;
  std::int64_t cells() const { return (row_end - row_begin) * (column_end - column_begin); }
};

template <class Visit>
void for_each_window(const PoolAttributes& op, const Shape& x, const Shape& y, Visit visit) {
  for (std::int64_t n = 0; n < x[0]; ++n) {
    for (std::int64_t o_row = 0; o_row < y[1]; ++o_row) {
      const std::int64_t top = o_row * op.strides[0] - op.padding.top;
      for (std::int64_t o_column = 0; o_column < y[2]; ++o_column) {
        const std::int64_t left = o_column * op.strides[1] - op.padding.left;
        visit(Window{n, (n * y[1] + o_row) * y[2] + o_column, std::max<std::int64_t>(top, 0),
                     std::min<std::int64_t>(top + op.window[0], x[1]), std::max<std::int64_t>(left, 0),
                     std::min<std::int64_t>(left + op.window[1], x[2])});
      }
    }
  }
}

template <class T>
void max_pool(const MaxPool2D& op, In in, Out out) {
  const Shape& shape = *in[0].shape;
  const std::int64_t h = shape[1], w = shape[2], channels = shape[3];
  const T* x = in[0].as<T>();
  T* y = out[0].as<T>();
  auto* argmax = out[1].as<std::int32_t>();
  for_each_window(op, shape, *out[0].shape, [&](const Window& window) {
    for (std::int64_t c = 0; c < channels; ++c) {
      T best = -std::numeric_limits<T>::infinity();
      std::int64_t best_at = window.row_begin * w + window.column_begin;
      for (std::int64_t row = window.row_begin; row < window.row_end; ++row) {
        for (std::int64_t column = window.column_begin; column < window.column_end; ++column) {
          const T value = x[((window.image * h + row) * w + column) * channels + c];
          if (value > best || (std::isnan(value) && !std::isnan(best))) {
            best = value;
            best_at = row * w + column;
          }
        }
      }
      y[window.output * channels + c] = best;
      argmax[window.output * channels + c] = static_cast<std::int32_t>(best_at);
    }
  });
}

template <class T>
void max_pool_grad(In in, Out out) {
  const Shape &y_shape = *in[0].shape, &x_shape = *out[0].shape;
  const std::int64_t cells = x_shape[1] * x_shape[2], outputs = y_shape[1] * y_shape[2], channels = x_shape[3];
  const T* dy = in[0].as<T>();
  const auto* argmax = in[1].as<std::int32_t>();
  std::vector<double> sums(static_cast<std::size_t>(elements(out[0])), 0.0);
  for (std::int64_t i = 0; i < elements(in[0]); ++i) {
    const std::int64_t image = i / (outputs * channels);
    sums[static_cast<std::size_t>((image * cells + argmax[i]) * channels + i % channels)] += dy[i];
  }
  store(sums, out[0].as<T>());
}

template <class T>
void average_pool(const AveragePool2D& op, In in, Out out) {
  const Shape& shape = *in[0].shape;
  const std::int64_t h = shape[1], w = shape[2], channels = shape[3];
  const T* x = in[0].as<T>();
  T* y = out[0].as<T>();
  for_each_window(op, shape, *out[0].shape, [&](const Window& window) {
    for (std::int64_t c = 0; c < channels; ++c) {
      double sum = 0.0;
      for (std::int64_t row = window.row_begin; row < window.row_end; ++row)
        for (std::int64_t column = window.column_begin; column < window.column_end; ++column)
          sum += x[((window.image * h + row) * w + column) * channels + c];
      y[window.output * channels + c] = static_cast<T>(sum / static_cast<double>(window.cells()));
    }
  });
}

template <class T>
void average_pool_grad(const AveragePool2DGrad& op, In in, Out out) {
  const Shape& shape = *out[0].shape;
  const std::int64_t h = shape[1], w = shape[2], channels = shape[3];
  const T* dy = in[0].as<T>();
  std::vector<double> sums(static_cast<std::size_t>(elements(out[0])), 0.0);
  for_each_window(op, shape, *in[0].shape, [&](const Window& window) {
    for (std::int64_t row = window.row_begin; row < window.row_end; ++row)
      for (std::int64_t column = window.column_begin; column < window.column_end; ++column)
        for (std::int64_t c = 0; c < channels; ++c)
          sums[static_cast<std::size_t>(((window.image * h + row) * w + column) * channels + c)] +=
              dy[window.output * channels + c] / static_cast<double>(window.cells());
  });
  store(sums, out[0].as<T>());
}

}  // namespace

void run(const MaxPool2D& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { max_pool<T>(op, in, out); });
}

void run(const MaxPool2DGrad&, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { max_pool_grad<T>(in, out); });
}

void run(const AveragePool2D& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { average_pool<T>(op, in, out); });
}

void run(const AveragePool2DGrad& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { average_pool_grad<T>(op, in, out); });
}

}  // namespace tutti::reference
