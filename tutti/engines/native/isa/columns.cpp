#include "tutti/engines/native/isa/columns.h"

#include "tutti/engines/native/isa/targets.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tutti/engines/native/isa/columns.cpp"
#include <hwy/foreach_target.h>  // first: it includes this file once for each target

#include <hwy/highway.h>

#include "tutti/engines/native/isa/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tutti::native::HWY_NAMESPACE {

// Numbers added up in one float before it goes into a double: short enough for an error of a few units in the last place, long
// enough that the conversion costs little.
constexpr std::int64_t kRun = 128;

// f(j) must give the vector of terms of one row at columns j ...; accumulates rows [0, rows) in runs.
template <class Terms, class ScalarTerm>
HWY_INLINE void add_columns(std::int64_t rows, std::int64_t c, double* sums, Terms terms, ScalarTerm scalar_term) {
  const D d;
  for (std::int64_t row0 = 0; row0 < rows; row0 += kRun) {
    const std::int64_t row1 = std::min(rows, row0 + kRun);
    std::int64_t j = 0;
    alignas(64) float line[2 * kLanes];
    // Two vectors of columns at a time hide the latency of the additions.
    for (; j + 2 * kLanes <= c; j += 2 * kLanes) {
      V first = hn::Zero(d), second = hn::Zero(d);
      for (std::int64_t row = row0; row < row1; ++row) {
        first = terms(row, j, first);
        second = terms(row, j + kLanes, second);
      }
      hn::Store(first, d, line), hn::Store(second, d, line + kLanes);
      for (std::int64_t i = 0; i < 2 * kLanes; ++i) sums[j + i] += line[i];
    }
    for (; j + kLanes <= c; j += kLanes) {
      V first = hn::Zero(d);
      for (std::int64_t row = row0; row < row1; ++row) first = terms(row, j, first);
      hn::Store(first, d, line);
      for (std::int64_t i = 0; i < kLanes; ++i) sums[j + i] += line[i];
    }
    for (; j < c; ++j) {
      double sum = 0;
      for (std::int64_t row = row0; row < row1; ++row) sum += scalar_term(row, j);
      sums[j] += sum;
    }
  }
}

template <Term kTerm>
HWY_INLINE V add_term(V x, V sum) {
  if constexpr (kTerm == Term::kSquare) return hn::MulAdd(x, x, sum);
  if constexpr (kTerm == Term::kAbs) return hn::Add(sum, hn::Abs(x));
  return hn::Add(sum, x);
}
template <Term kTerm>
HWY_INLINE double scalar_term(float x) {
  if constexpr (kTerm == Term::kSquare) return static_cast<double>(x) * x;
  if constexpr (kTerm == Term::kAbs) return std::fabs(x);
  return x;
}

template <Term kTerm>
double sum_of(const float* x, std::int64_t count) {
  const D d;
  double total = 0;
  std::int64_t i = 0;
  while (i + 4 * kLanes <= count) {
    const std::int64_t end = std::min(count, i + 4 * kLanes * kRun);
    V a = hn::Zero(d), b = a, e = a, f = a;
    for (; i + 4 * kLanes <= end; i += 4 * kLanes) {
      a = add_term<kTerm>(hn::LoadU(d, x + i), a);
      b = add_term<kTerm>(hn::LoadU(d, x + i + kLanes), b);
      e = add_term<kTerm>(hn::LoadU(d, x + i + 2 * kLanes), e);
      f = add_term<kTerm>(hn::LoadU(d, x + i + 3 * kLanes), f);
    }
    total += hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(e, f))));
  }
  for (; i < count; ++i) total += scalar_term<kTerm>(x[i]);
  return total;
}

double sum(Term term, const float* x, std::int64_t count) {
  switch (term) {
    case Term::kValue:
      return sum_of<Term::kValue>(x, count);
    case Term::kSquare:
      return sum_of<Term::kSquare>(x, count);
    case Term::kAbs:
      return sum_of<Term::kAbs>(x, count);
  }
  return 0;
}

template <Term kTerm>
void column_sums_of(const float* x, std::int64_t rows, std::int64_t c, double* sums) {
  const auto terms = [=](std::int64_t row, std::int64_t j, V total)
                         HWY_ATTR { return add_term<kTerm>(hn::LoadU(D(), x + row * c + j), total); };
  add_columns(rows, c, sums, terms, [=](std::int64_t row, std::int64_t j) { return scalar_term<kTerm>(x[row * c + j]); });
}

void column_sums(Term term, const float* x, std::int64_t rows, std::int64_t c, double* sums) {
  switch (term) {
    case Term::kValue:
      return column_sums_of<Term::kValue>(x, rows, c, sums);
    case Term::kSquare:
      return column_sums_of<Term::kSquare>(x, rows, c, sums);
    case Term::kAbs:
      return column_sums_of<Term::kAbs>(x, rows, c, sums);
  }
}

void column_squares(const float* x, const float* shift, std::int64_t rows, std::int64_t c, double* sums) {
  const auto terms = [=](std::int64_t row, std::int64_t j, V total) HWY_ATTR {
    const V v = hn::Sub(hn::LoadU(D(), x + row * c + j), hn::LoadU(D(), shift + j));
    return hn::MulAdd(v, v, total);
  };
  add_columns(rows, c, sums, terms, [=](std::int64_t row, std::int64_t j) {
    const double v = static_cast<double>(x[row * c + j]) - shift[j];
    return v * v;
  });
}

void column_products(const float* dy, const float* x, const float* shift, std::int64_t rows, std::int64_t c, double* sums) {
  const auto terms = [=](std::int64_t row, std::int64_t j, V total) HWY_ATTR {
    const V v = hn::Sub(hn::LoadU(D(), x + row * c + j), hn::LoadU(D(), shift + j));
    return hn::MulAdd(v, hn::LoadU(D(), dy + row * c + j), total);
  };
  add_columns(rows, c, sums, terms, [=](std::int64_t row, std::int64_t j) {
    return dy[row * c + j] * (static_cast<double>(x[row * c + j]) - shift[j]);
  });
}

void normalize(const float* x, const float* shift, const float* scale, const float* offset, std::int64_t rows, std::int64_t c,
               float* y) {
  const auto f = [](V v, V m, V s, V o) HWY_ATTR { return hn::MulAdd(hn::Sub(v, m), s, o); };
  for (std::int64_t row = 0; row < rows; ++row) map(c, y + row * c, f, x + row * c, shift, scale, offset);
}

void normalize_grad(const float* dy, const float* x, const float* shift, const float* a, const float* b, const float* offset,
                    std::int64_t rows, std::int64_t c, float* dx) {
  const auto f = [](V g, V v, V m, V va, V vb, V o) HWY_ATTR { return hn::MulAdd(va, g, hn::MulAdd(vb, hn::Sub(v, m), o)); };
  for (std::int64_t row = 0; row < rows; ++row) map(c, dx + row * c, f, dy + row * c, x + row * c, shift, a, b, offset);
}

void layer_norm(const float* x, const float* gamma, const float* beta, double epsilon, std::int64_t rows, std::int64_t c,
                float* y, float* mean, float* variance) {
  for (std::int64_t row = 0; row < rows; ++row, x += c, y += c) {
    const V m = constant(static_cast<float>(sum_of<Term::kValue>(x, c) / static_cast<double>(c)));
    map(
        c, y, [m](V v) HWY_ATTR { return hn::Sub(v, m); }, x);
    const double spread = sum_of<Term::kSquare>(y, c) / static_cast<double>(c);
    const V scale = constant(static_cast<float>(1 / std::sqrt(spread + epsilon)));
    map(
        c, y, [scale](V v, V g, V b) HWY_ATTR { return hn::MulAdd(hn::Mul(v, scale), g, b); }, y, gamma, beta);
    mean[row] = hn::GetLane(m);
    variance[row] = static_cast<float>(spread);
  }
}

// dx = (g - mean(g) - x_hat mean(g x_hat)) / sigma with g = dy gamma.
void layer_norm_grad(const float* dy, const float* x, const float* gamma, const float* mean, const float* variance,
                     double epsilon, std::int64_t rows, std::int64_t c, float* scratch, float* dx, double* dgamma,
                     double* dbeta) {
  float *x_hat = scratch, *product = scratch + c;
  for (std::int64_t row = 0; row < rows; ++row, dy += c, x += c, dx += c) {
    const V m = constant(mean[row]), inverse_sigma = constant(static_cast<float>(1 / std::sqrt(variance[row] + epsilon)));
    map(
        c, x_hat, [=](V v) HWY_ATTR { return hn::Mul(hn::Sub(v, m), inverse_sigma); }, x);
    map(
        c, product, [](V g, V v) HWY_ATTR { return hn::Mul(g, v); }, dy, x_hat);
    for (std::int64_t j = 0; j < c; ++j) dgamma[j] += product[j], dbeta[j] += dy[j];
    map(
        c, product, [](V p, V v) HWY_ATTR { return hn::Mul(p, v); }, product, gamma);
    map(
        c, dx, [](V g, V v) HWY_ATTR { return hn::Mul(g, v); }, dy, gamma);
    const V mean_product = constant(static_cast<float>(sum_of<Term::kValue>(product, c) / static_cast<double>(c)));
    const V mean_g = constant(static_cast<float>(sum_of<Term::kValue>(dx, c) / static_cast<double>(c)));
    map(
        c, dx, [=](V g, V v) HWY_ATTR { return hn::Mul(inverse_sigma, hn::NegMulAdd(v, mean_product, hn::Sub(g, mean_g))); },
        dx, x_hat);
  }
}

float largest(const float* x, std::int64_t count) {
  const D d;
  V best = constant(-HUGE_VALF);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) best = hn::Max(best, hn::LoadU(d, x + i));
  float result = hn::GetLane(hn::MaxOfLanes(d, best));
  for (; i < count; ++i) result = std::max(result, x[i]);
  return result;
}

void softmax(const float* x, std::int64_t rows, std::int64_t c, bool log, float* y) {
  for (std::int64_t row = 0; row < rows; ++row, x += c, y += c) {
    const V shift = constant(largest(x, c));
    map(
        c, y, [shift](V v) HWY_ATTR { return exp(hn::Sub(v, shift)); }, x);
    const double total = sum_of<Term::kValue>(y, c);
    if (log) {
      const V normalizer = constant(static_cast<float>(std::log(total)));
      map(
          c, y, [shift, normalizer](V v) HWY_ATTR { return hn::Sub(hn::Sub(v, shift), normalizer); }, x);
    } else {
      const V scale = constant(static_cast<float>(1 / total));
      map(
          c, y, [scale](V v) HWY_ATTR { return hn::Mul(v, scale); }, y);
    }
  }
}

void softmax_grad(const float* dy, const float* y, std::int64_t rows, std::int64_t c, bool log, float* dx) {
  for (std::int64_t row = 0; row < rows; ++row, dy += c, y += c, dx += c) {
    if (log) {
      const V total = constant(static_cast<float>(sum_of<Term::kValue>(dy, c)));
      map(
          c, dx, [total](V g, V v) HWY_ATTR { return hn::NegMulAdd(exp(v), total, g); }, dy, y);
    } else {
      double inner = 0;
      for (std::int64_t i = 0; i < c; ++i) inner += static_cast<double>(dy[i]) * y[i];
      const V total = constant(static_cast<float>(inner));
      map(
          c, dx, [total](V g, V v) HWY_ATTR { return hn::Mul(v, hn::Sub(g, total)); }, dy, y);
    }
  }
}

ColumnsIsa make_columns_isa() {
  return {.sum = sum,
          .column_sums = column_sums,
          .column_squares = column_squares,
          .column_products = column_products,
          .normalize = normalize,
          .normalize_grad = normalize_grad,
          .layer_norm = layer_norm,
          .layer_norm_grad = layer_norm_grad,
          .softmax = softmax,
          .softmax_grad = softmax_grad};
}

}  // namespace tutti::native::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tutti::native {

HWY_EXPORT(make_columns_isa);

const ColumnsIsa& columns_isa() {
  static const ColumnsIsa isa = HWY_DYNAMIC_DISPATCH(make_columns_isa)();
  return isa;
}

}  // namespace tutti::native
#endif
