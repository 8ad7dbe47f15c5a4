// Ioffe, Szegedy, "Batch normalization" (2015); Ba, Kiros, Hinton, "Layer normalization" (2016).
#include <cmath>

#include "tutti/engines/reference/kernels.h"

namespace tutti::reference {
namespace {

// Arrays of x's shape are (rows, c) here.
struct Extents {
  std::int64_t rows, c;
};

Extents extents_of(const Shape& x) { return {rows(x), x[-1]}; }

// `count` values, `stride` apart.
template <class T>
struct Moments {
  double mean = 0.0, variance = 0.0;
  Moments(const T* x, std::int64_t count, std::int64_t stride) {
    for (std::int64_t i = 0; i < count; ++i) mean += x[i * stride];
    mean /= static_cast<double>(count);
    for (std::int64_t i = 0; i < count; ++i) variance += (x[i * stride] - mean) * (x[i * stride] - mean);
    variance /= static_cast<double>(count);
  }
};

template <class T>
void batch_norm(const BatchNorm& op, In in, Out out) {
  const Extents e = extents_of(*in[0].shape);
  const T *x = in[0].as<T>(), *gamma = in[1].as<T>(), *beta = in[2].as<T>();
  for (std::int64_t c = 0; c < e.c; ++c) {
    const Moments<T> moments(x + c, e.rows, e.c);
    const double scale = gamma[c] / std::sqrt(moments.variance + op.epsilon);
    for (std::int64_t at = c; at < e.rows * e.c; at += e.c)
      out[0].as<T>()[at] = static_cast<T>(scale * (x[at] - moments.mean) + beta[c]);
    out[1].as<T>()[c] = static_cast<T>(moments.mean);
    out[2].as<T>()[c] = static_cast<T>(moments.variance);
  }
}

// dx = gamma / sigma (dy - mean(dy) - x_hat mean(dy x_hat)) where the statistics depend on x, else gamma / sigma dy.
template <class T>
void batch_norm_grad(double epsilon, bool statistics_depend_on_x, In in, Out out) {
  const Extents e = extents_of(*in[0].shape);
  const T *dy = in[0].as<T>(), *x = in[1].as<T>(), *gamma = in[2].as<T>();
  for (std::int64_t c = 0; c < e.c; ++c) {
    const double mean = in[3].as<T>()[c], inverse_sigma = 1 / std::sqrt(in[4].as<T>()[c] + epsilon);
    double dgamma = 0.0, dbeta = 0.0;
    for (std::int64_t at = c; at < e.rows * e.c; at += e.c) {
      dgamma += dy[at] * (x[at] - mean) * inverse_sigma;
      dbeta += dy[at];
    }
    const double mean_dy = statistics_depend_on_x ? dbeta / static_cast<double>(e.rows) : 0.0;
    const double mean_dy_x = statistics_depend_on_x ? dgamma / static_cast<double>(e.rows) : 0.0;
    for (std::int64_t at = c; at < e.rows * e.c; at += e.c)
      out[0].as<T>()[at] =
          static_cast<T>(gamma[c] * inverse_sigma * (dy[at] - mean_dy - (x[at] - mean) * inverse_sigma * mean_dy_x));
    out[1].as<T>()[c] = static_cast<T>(dgamma);
    out[2].as<T>()[c] = static_cast<T>(dbeta);
  }
}

template <class T>
void batch_norm_inference(const BatchNormInference& op, In in, Out out) {
  const Extents e = extents_of(*in[0].shape);
  const T *x = in[0].as<T>(), *gamma = in[1].as<T>(), *beta = in[2].as<T>(), *mean = in[3].as<T>(), *variance = in[4].as<T>();
  for (std::int64_t at = 0; at < e.rows * e.c; ++at) {
    const std::int64_t c = at % e.c;
    const double sigma = std::sqrt(variance[c] + op.epsilon);
    out[0].as<T>()[at] = static_cast<T>(gamma[c] * (static_cast<double>(x[at]) - mean[c]) / sigma + beta[c]);
  }
}

template <class T>
void layer_norm(const LayerNorm& op, In in, Out out) {
  const Extents e = extents_of(*in[0].shape);
  const T *gamma = in[1].as<T>(), *beta = in[2].as<T>();
  for (std::int64_t row = 0; row < e.rows; ++row) {
    const T* x = in[0].as<T>() + row * e.c;
    const Moments<T> moments(x, e.c, 1);
    const double inverse_sigma = 1 / std::sqrt(moments.variance + op.epsilon);
    for (std::int64_t c = 0; c < e.c; ++c)
      out[0].as<T>()[row * e.c + c] = static_cast<T>(gamma[c] * (x[c] - moments.mean) * inverse_sigma + beta[c]);
    out[1].as<T>()[row] = static_cast<T>(moments.mean);
    out[2].as<T>()[row] = static_cast<T>(moments.variance);
  }
}

template <class T>
void layer_norm_grad(const LayerNormGrad& op, In in, Out out) {
  const Extents e = extents_of(*in[0].shape);
  const T* gamma = in[2].as<T>();
  std::vector<double> dgamma(static_cast<std::size_t>(e.c), 0.0), dbeta(dgamma);
  for (std::int64_t row = 0; row < e.rows; ++row) {
    const T *dy = in[0].as<T>() + row * e.c, *x = in[1].as<T>() + row * e.c;
    const double mean = in[3].as<T>()[row], inverse_sigma = 1 / std::sqrt(in[4].as<T>()[row] + op.epsilon);
    double mean_g = 0.0, mean_g_x = 0.0;  // of g = dy gamma and of g x_hat
    for (std::int64_t c = 0; c < e.c; ++c) {
      const double x_hat = (x[c] - mean) * inverse_sigma, g = static_cast<double>(dy[c]) * gamma[c];
      mean_g += g / static_cast<double>(e.c);
      mean_g_x += g * x_hat / static_cast<double>(e.c);
      dgamma[static_cast<std::size_t>(c)] += dy[c] * x_hat;
      dbeta[static_cast<std::size_t>(c)] += dy[c];
    }
    for (std::int64_t c = 0; c < e.c; ++c) {
      const double x_hat = (x[c] - mean) * inverse_sigma, g = static_cast<double>(dy[c]) * gamma[c];
      out[0].as<T>()[row * e.c + c] = static_cast<T>(inverse_sigma * (g - mean_g - x_hat * mean_g_x));
    }
  }
  store(dgamma, out[1].as<T>());
  store(dbeta, out[2].as<T>());
}

}  // namespace

void run(const BatchNorm& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { batch_norm<T>(op, in, out); });
}

void run(const BatchNormGrad& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { batch_norm_grad<T>(op.epsilon, true, in, out); });
}

void run(const BatchNormInference& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { batch_norm_inference<T>(op, in, out); });
}

void run(const BatchNormInferenceGrad& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { batch_norm_grad<T>(op.epsilon, false, in, out); });
}

void run(const LayerNorm& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { layer_norm<T>(op, in, out); });
}

void run(const LayerNormGrad& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) { layer_norm_grad<T>(op, in, out); });
}

}  // namespace tutti::reference
