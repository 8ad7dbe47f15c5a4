#include <algorithm>

#include "tutti/engines/reference/kernels.h"

namespace tutti::reference {
namespace {

// Where element (begin...) of an array of shape `shape` lies.
std::int64_t offset_of(const std::vector<std::int64_t>& begin, const Shape& shape) {
  const Strides strides = shape.strides();
  std::int64_t offset = 0;
  for (std::size_t axis = 0; axis < begin.size(); ++axis) offset += begin[axis] * strides[axis];
  return offset;
}

// Writes the whole of x into the part of y that starts at `begin`.
template <class T>
void place(const ConstView& x, const View& y, const std::vector<std::int64_t>& begin) {
  const T* from = x.as<T>();
  T* to = y.as<T>() + offset_of(begin, *y.shape);
  for_each_index(*x.shape, std::array{y.shape->strides()}, [&](const auto& at) { to[at[0]] = *from++; });
}

}  // namespace

void run(const Pad& op, In in, Out out) {
  with_any(in[0].dtype, [&]<class T>(T) {
    std::fill_n(out[0].as<T>(), elements(out[0]), T{0});
    place<T>(in[0], out[0], op.before);
  });
}

void run(const Slice& op, In in, Out out) {
  with_any(in[0].dtype, [&]<class T>(T) {
    const T* from = in[0].as<T>() + offset_of(op.begin, *in[0].shape);
    T* to = out[0].as<T>();
    for_each_index(*out[0].shape, std::array{in[0].shape->strides()}, [&](const auto& at) { *to++ = from[at[0]]; });
  });
}

void run(const Concat& op, In in, Out out) {
  std::vector<std::int64_t> begin(static_cast<std::size_t>(out[0].shape->rank()), 0);
  for (const ConstView& x : in) {
    with_any(x.dtype, [&]<class T>(T) { place<T>(x, out[0], begin); });
    begin[static_cast<std::size_t>(op.axis)] += (*x.shape)[op.axis];
  }
}

void run(const Upsample2D& op, In in, Out out) {
  const Shape &x_shape = *in[0].shape, &y_shape = *out[0].shape;
  with_any(in[0].dtype, [&]<class T>(T) {
    T* to = out[0].as<T>();
    for (std::int64_t n = 0; n < y_shape[0]; ++n)
      for (std::int64_t row = 0; row < y_shape[1]; ++row)
        for (std::int64_t column = 0; column < y_shape[2]; ++column)
          to = std::copy_n(
              in[0].as<T>() + ((n * x_shape[1] + row / op.factors[0]) * x_shape[2] + column / op.factors[1]) * x_shape[3],
              x_shape[3], to);
  });
}

void run(const Upsample2DGrad& op, In in, Out out) {
  const Shape &y_shape = *in[0].shape, &x_shape = *out[0].shape;
  with_float(in[0].dtype, [&]<class T>(T) {
    std::vector<double> sums(static_cast<std::size_t>(elements(out[0])), 0.0);
    const T* dy = in[0].as<T>();
    for (std::int64_t n = 0; n < y_shape[0]; ++n) {
      for (std::int64_t row = 0; row < y_shape[1]; ++row) {
        for (std::int64_t column = 0; column < y_shape[2]; ++column) {
          const std::int64_t pixel = (n * x_shape[1] + row / op.factors[0]) * x_shape[2] + column / op.factors[1];
          for (std::int64_t c = 0; c < x_shape[3]; ++c) sums[static_cast<std::size_t>(pixel * x_shape[3] + c)] += *dy++;
        }
      }
    }
    store(sums, out[0].as<T>());
  });
}

void run(const Reshape&, In in, Out out) {
  with_any(in[0].dtype, [&]<class T>(T) { std::copy_n(in[0].as<T>(), elements(in[0]), out[0].as<T>()); });
}

void run(const Transpose& op, In in, Out out) {
  const Strides own = in[0].shape->strides();
  Strides strides;
  for (const int axis : op.permutation) strides.push_back(own[static_cast<std::size_t>(axis)]);
  with_any(in[0].dtype, [&]<class T>(T) {
    T* to = out[0].as<T>();
    for_each_index(*out[0].shape, std::array{strides}, [&](const auto& at) { *to++ = in[0].as<T>()[at[0]]; });
  });
}

}  // namespace tutti::reference
