// Ioffe, Szegedy, "Batch normalization" (2015); Ba, Kiros, Hinton, "Layer normalization" (2016).
#include <cmath>

#include "tutti/engines/native/column_sums.h"
#include "tutti/engines/native/isa/columns.h"

namespace tutti::native {
namespace {

// x as (rows, c).
struct Extents {
  std::int64_t rows, c;
  explicit Extents(const Shape& x) : rows(rows_of(x)), c(x[-1]) {}
  std::int64_t grain() const { return ceil_div(kStreamGrain, std::max<std::int64_t>(1, c)); }
};

// A value a column, in float.
using Line = std::vector<float>;

Line to_line(const std::vector<double>& values, double scale) {
  Line line(values.size());
  for (std::size_t j = 0; j < line.size(); ++j) line[j] = static_cast<float>(values[j] * scale);
  return line;
}

// y = (x - mean) gamma / sqrt(variance + epsilon) + beta
void normalize(const Extents& e, const float* x, const float* gamma, const float* beta, const float* mean,
               const float* variance, double epsilon, float* y) {
  Line scale(static_cast<std::size_t>(e.c));
  for (std::size_t j = 0; j < scale.size(); ++j) scale[j] = static_cast<float>(gamma[j] / std::sqrt(variance[j] + epsilon));
  parallel_for(0, e.rows, e.grain(), [&](std::int64_t begin, std::int64_t end) {
    columns_isa().normalize(x + begin * e.c, mean, scale.data(), beta, end - begin, e.c, y + begin * e.c);
  });
}

// dx = gamma / sigma (dy - mean(dy) - x_hat mean(dy x_hat)) where the statistics depend on x, else gamma / sigma dy.
void normalize_grad(const Extents& e, double epsilon, bool statistics_depend_on_x, Inputs in, Outputs out) {
  const float *dy = in[0].as<float>(), *x = in[1].as<float>(), *gamma = in[2].as<float>(), *mean = in[3].as<float>();
  const ColumnsIsa& isa = columns_isa();
  const auto columns = static_cast<std::size_t>(e.c);
  const std::vector<double> sums = sum_rows(e.rows, 2 * e.c, [&](std::int64_t begin, std::int64_t end, double* part) {
    isa.column_sums(Term::kValue, dy + begin * e.c, end - begin, e.c, part);
    isa.column_products(dy + begin * e.c, x + begin * e.c, mean, end - begin, e.c, part + e.c);
  });
  Line a(columns), b(columns), offset(columns);
  for (std::size_t j = 0; j < columns; ++j) {
    const double inverse_sigma = 1 / std::sqrt(in[4].as<float>()[j] + epsilon);
    const double dbeta = sums[j], dgamma = sums[columns + j] * inverse_sigma;
    out[1].as<float>()[j] = static_cast<float>(dgamma);
    out[2].as<float>()[j] = static_cast<float>(dbeta);
    const double scale = gamma[j] * inverse_sigma, share = statistics_depend_on_x ? 1.0 / static_cast<double>(e.rows) : 0.0;
    a[j] = static_cast<float>(scale);
    b[j] = static_cast<float>(-scale * inverse_sigma * dgamma * share);
    offset[j] = static_cast<float>(-scale * dbeta * share);
  }
  parallel_for(0, e.rows, e.grain(), [&](std::int64_t begin, std::int64_t end) {
    isa.normalize_grad(dy + begin * e.c, x + begin * e.c, mean, a.data(), b.data(), offset.data(), end - begin, e.c,
                       out[0].as<float>() + begin * e.c);
  });
}

}  // namespace

Prepared prepare_op(const OpCall& call, const BatchNorm& op) {
  const Extents e(call.inputs[0].shape);
  return ready([e, epsilon = op.epsilon](Inputs in, Outputs out) {
    const float* x = in[0].as<float>();
    const ColumnsIsa& isa = columns_isa();
    const double share = 1.0 / static_cast<double>(e.rows);
    // Two passes: the variance about the mean that was found, as one pass would cancel.
    const Line mean = to_line(sum_rows(e.rows, e.c,
                                       [&](std::int64_t begin, std::int64_t end, double* part) {
                                         isa.column_sums(Term::kValue, x + begin * e.c, end - begin, e.c, part);
                                       }),
                              share);
    const Line variance = to_line(sum_rows(e.rows, e.c,
                                           [&](std::int64_t begin, std::int64_t end, double* part) {
                                             isa.column_squares(x + begin * e.c, mean.data(), end - begin, e.c, part);
                                           }),
                                  share);
    normalize(e, x, in[1].as<float>(), in[2].as<float>(), mean.data(), variance.data(), epsilon, out[0].as<float>());
    std::copy(mean.begin(), mean.end(), out[1].as<float>());
    std::copy(variance.begin(), variance.end(), out[2].as<float>());
  });
}

Prepared prepare_op(const OpCall& call, const BatchNormGrad& op) {
  const Extents e(call.inputs[0].shape);
  return ready([e, epsilon = op.epsilon](Inputs in, Outputs out) { normalize_grad(e, epsilon, true, in, out); });
}

Prepared prepare_op(const OpCall& call, const BatchNormInference& op) {
  const Extents e(call.inputs[0].shape);
  return ready([e, epsilon = op.epsilon](Inputs in, Outputs out) {
    normalize(e, in[0].as<float>(), in[1].as<float>(), in[2].as<float>(), in[3].as<float>(), in[4].as<float>(), epsilon,
              out[0].as<float>());
  });
}

Prepared prepare_op(const OpCall& call, const BatchNormInferenceGrad& op) {
  const Extents e(call.inputs[0].shape);
  return ready([e, epsilon = op.epsilon](Inputs in, Outputs out) { normalize_grad(e, epsilon, false, in, out); });
}

Prepared prepare_op(const OpCall& call, const LayerNorm& op) {
  const Extents e(call.inputs[0].shape);
  return ready([e, epsilon = op.epsilon](Inputs in, Outputs out) {
    parallel_for(0, e.rows, e.grain(), [&](std::int64_t begin, std::int64_t end) {
      columns_isa().layer_norm(in[0].as<float>() + begin * e.c, in[1].as<float>(), in[2].as<float>(), epsilon, end - begin, e.c,
                               out[0].as<float>() + begin * e.c, out[1].as<float>() + begin, out[2].as<float>() + begin);
    });
  });
}

Prepared prepare_op(const OpCall& call, const LayerNormGrad& op) {
  const Extents e(call.inputs[0].shape);
  return ready([e, epsilon = op.epsilon](Inputs in, Outputs out) {
    const std::vector<double> sums = sum_rows(e.rows, 2 * e.c, [&](std::int64_t begin, std::int64_t end, double* part) {
      columns_isa().layer_norm_grad(in[0].as<float>() + begin * e.c, in[1].as<float>() + begin * e.c, in[2].as<float>(),
                                    in[3].as<float>() + begin, in[4].as<float>() + begin, epsilon, end - begin, e.c,
                                    thread_scratch(Scratch::kRows, 2 * e.c), out[0].as<float>() + begin * e.c, part,
                                    part + e.c);
    });
    for (std::int64_t j = 0; j < e.c; ++j) {
      out[1].as<float>()[j] = static_cast<float>(sums[static_cast<std::size_t>(j)]);
      out[2].as<float>()[j] = static_cast<float>(sums[static_cast<std::size_t>(e.c + j)]);
    }
  });
}

}  // namespace tutti::native
