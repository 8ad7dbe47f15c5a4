#include "tutti/base/parallel.h"
#include "tutti/engines/reference/kernels.h"

namespace tutti::reference {
namespace {

struct Range {
  std::int64_t begin, end;
};

// Visits each pair of an input pixel and an output pixel that a kernel tap joins, of these images and kernel rows:
// visit(input pixel, output pixel, tap), each counted row-major over (n, h, w), (n, o_h, o_w), (k_h, k_w).
template <class Visit>
void for_each_tap(const ConvAttributes& op, const Shape& x, const Shape& kernel, const Shape& y, Range images, Range rows,
                  Visit visit) {
  const std::int64_t h = x[1], w = x[2], k_w = kernel[1], o_h = y[1], o_w = y[2];
  for (std::int64_t n = images.begin; n < images.end; ++n) {
    for (std::int64_t o_row = 0; o_row < o_h; ++o_row) {
      for (std::int64_t o_column = 0; o_column < o_w; ++o_column) {
        for (std::int64_t k_row = rows.begin; k_row < rows.end; ++k_row) {
          const std::int64_t row = o_row * op.strides[0] - op.padding.top + k_row * op.dilations[0];
          if (row < 0 || row >= h) continue;
          for (std::int64_t k_column = 0; k_column < k_w; ++k_column) {
            const std::int64_t column = o_column * op.strides[1] - op.padding.left + k_column * op.dilations[1];
            if (column < 0 || column >= w) continue;
            visit((n * h + row) * w + column, (n * o_h + o_row) * o_w + o_column, k_row * k_w + k_column);
          }
        }
      }
    }
  }
}

// Channels of the three arrays. Group g joins input channels [g * in_group, ...) with outputs [g * out_group, ...).
struct Channels {
  std::int64_t in, out, groups, in_group, out_group;
};

Channels channels_of(const ConvAttributes& op, const Shape& x, const Shape& y) {
  return {x[3], y[3], op.groups, x[3] / op.groups, y[3] / op.groups};
}

template <class T>
void conv(const Conv2D& op, In in, Out out) {
  const Channels c = channels_of(op, *in[0].shape, *out[0].shape);
  const Shape &x_shape = *in[0].shape, &kernel_shape = *in[1].shape, &y_shape = *out[0].shape;
  const T *x = in[0].as<T>(), *bias = in.size() > 2 ? in[2].as<T>() : nullptr;
  const std::vector<double> kernel = widened(in[1].as<T>(), elements(in[1]));
  std::vector<double> sums(static_cast<std::size_t>(elements(out[0])), 0.0);
  if (bias)
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = bias[i % static_cast<std::size_t>(c.out)];
  const auto visit = [&](std::int64_t from, std::int64_t to, std::int64_t tap) {
    for (std::int64_t i = 0; i < c.in_group; ++i) {
      const double* weights = &kernel[static_cast<std::size_t>((tap * c.in_group + i) * c.out)];
      for (std::int64_t group = 0; group < c.groups; ++group) {
        const double value = x[from * c.in + group * c.in_group + i];
        add_scaled(&sums[static_cast<std::size_t>(to * c.out + group * c.out_group)], weights + group * c.out_group, value,
                   c.out_group);
      }
    }
  };
  parallel_for(0, x_shape[0], 1, [&](std::int64_t begin, std::int64_t end) {
    for_each_tap(op, x_shape, kernel_shape, y_shape, {begin, end}, {0, kernel_shape[0]}, visit);
  });
  store(sums, out[0].as<T>());
}

// Each tap of the kernel transposed: (taps, groups, c_out / groups, c_in / groups), so that the loops below run like those
// above.
template <class T>
std::vector<double> transposed(const T* kernel, std::int64_t taps, const Channels& c) {
  std::vector<double> result(static_cast<std::size_t>(taps * c.in_group * c.out));
  for (std::int64_t tap = 0; tap < taps; ++tap)
    for (std::int64_t i = 0; i < c.in_group; ++i)
      for (std::int64_t o = 0; o < c.out; ++o)
        result[static_cast<std::size_t>((tap * c.out + o) * c.in_group + i)] = kernel[(tap * c.in_group + i) * c.out + o];
  return result;
}

template <class T>
void conv_input_grad(const Conv2DInputGrad& op, In in, Out out) {
  const Channels c = channels_of(op, *out[0].shape, *in[0].shape);
  const Shape &x_shape = *out[0].shape, &kernel_shape = *in[1].shape, &y_shape = *in[0].shape;
  const T* dy = in[0].as<T>();
  const std::vector<double> kernel = transposed(in[1].as<T>(), kernel_shape[0] * kernel_shape[1], c);
  std::vector<double> sums(static_cast<std::size_t>(elements(out[0])), 0.0);
  const auto visit = [&](std::int64_t from, std::int64_t to, std::int64_t tap) {
    for (std::int64_t o = 0; o < c.out; ++o) {
      const double* weights = &kernel[static_cast<std::size_t>((tap * c.out + o) * c.in_group)];
      const double value = dy[to * c.out + o];
      add_scaled(&sums[static_cast<std::size_t>(from * c.in + o / c.out_group * c.in_group)], weights, value, c.in_group);
    }
  };
  parallel_for(0, x_shape[0], 1, [&](std::int64_t begin, std::int64_t end) {
    for_each_tap(op, x_shape, kernel_shape, y_shape, {begin, end}, {0, kernel_shape[0]}, visit);
  });
  store(sums, out[0].as<T>());
}

template <class T>
void conv_kernel_grad(const Conv2DKernelGrad& op, In in, Out out) {
  const Channels c = channels_of(op, *in[0].shape, *in[1].shape);
  const Shape &x_shape = *in[0].shape, &kernel_shape = *out[0].shape, &y_shape = *in[1].shape;
  const T* x = in[0].as<T>();
  const std::vector<double> dy = widened(in[1].as<T>(), elements(in[1]));
  std::vector<double> sums(static_cast<std::size_t>(elements(out[0])), 0.0);
  const auto visit = [&](std::int64_t from, std::int64_t to, std::int64_t tap) {
    const double* slope = &dy[static_cast<std::size_t>(to * c.out)];
    for (std::int64_t i = 0; i < c.in_group; ++i) {
      double* sum = &sums[static_cast<std::size_t>((tap * c.in_group + i) * c.out)];
      for (std::int64_t group = 0; group < c.groups; ++group) {
        const double value = x[from * c.in + group * c.in_group + i];
        add_scaled(sum + group * c.out_group, slope + group * c.out_group, value, c.out_group);
      }
    }
  };
  parallel_for(0, kernel_shape[0], 1, [&](std::int64_t begin, std::int64_t end) {
    for_each_tap(op, x_shape, kernel_shape, y_shape, {0, x_shape[0]}, {begin, end}, visit);
  });
  store(sums, out[0].as<T>());
}

}  // namespace

void run(const Conv2D& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { conv<T>(op, in, out); });
}

void run(const Conv2DInputGrad& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { conv_input_grad<T>(op, in, out); });
}

void run(const Conv2DKernelGrad& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { conv_kernel_grad<T>(op, in, out); });
}

}  // namespace tutti::reference
