#include <algorithm>
#include <cmath>
#include <limits>

#include "tutti/engines/reference/kernels.h"

namespace tutti::reference {
namespace {

double unary(UnaryKind kind, double x) {
  switch (kind) {
    case UnaryKind::kNeg:
      return -x;
    case UnaryKind::kAbs:
      return std::abs(x);
    case UnaryKind::kSign:
      return std::isnan(x) ? x : static_cast<double>((x > 0) - (x < 0));
    case UnaryKind::kSquare:
      return x * x;
    case UnaryKind::kSqrt:
      return std::sqrt(x);
    case UnaryKind::kExp:
      return std::exp(x);
    case UnaryKind::kLog:
      return std::log(x);
    case UnaryKind::kReciprocal:
      return 1 / x;
  }
  return x;
}

// As NumPy: a NaN on either side is the maximum and the minimum.
double binary(BinaryKind kind, double a, double b) {
  switch (kind) {
    case BinaryKind::kAdd:
      return a + b;
    case BinaryKind::kSub:
      return a - b;
    case BinaryKind::kMul:
      return a * b;
    case BinaryKind::kDiv:
      return a / b;
    case BinaryKind::kMax:
      return a > b || std::isnan(a) ? a : b;
    case BinaryKind::kMin:
      return a < b || std::isnan(a) ? a : b;
  }
  return a;
}

// y[i] = function(x[i]), computed in double; y may be x.
template <class Function>
void map(const ConstView& x, const View& y, Function function) {
  with_float(x.dtype, [&]<class T>(T) {
    for (std::int64_t i = 0; i < elements(x); ++i) y.as<T>()[i] = static_cast<T>(function(static_cast<double>(x.as<T>()[i])));
  });
}

// Truncates towards zero; what To cannot hold becomes its nearest value, NaN becomes 0.
template <class To, class From>
To convert(From value) {
  if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(value);
  } else {
    const auto wide = static_cast<long double>(value);
    if (std::isnan(wide)) return To{0};
    return static_cast<To>(std::clamp<long double>(wide, std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
  }
}

}  // namespace

void run(const Unary& op, In in, Out out) {
  map(in[0], out[0], [&](double x) { return unary(op.kind, x); });
}

void run(const Binary& op, In in, Out out) {
  const Shape& shape = *out[0].shape;
  const std::array<Strides, 2> strides{broadcast_strides(*in[0].shape, shape), broadcast_strides(*in[1].shape, shape)};
  with_float(in[0].dtype, [&]<class T>(T) {
    const T *a = in[0].as<T>(), *b = in[1].as<T>();
    T* y = out[0].as<T>();
    for_each_index(shape, strides, [&](const auto& at) { *y++ = static_cast<T>(binary(op.kind, a[at[0]], b[at[1]])); });
  });
}

void run(const Affine& op, In in, Out out) {
  map(in[0], out[0], [&](double x) { return op.scale * x + op.offset; });
}

void run(const Axpby& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) {
    const T *a = in[0].as<T>(), *b = in[1].as<T>();
    for (std::int64_t i = 0; i < elements(out[0]); ++i) out[0].as<T>()[i] = static_cast<T>(op.alpha * a[i] + op.beta * b[i]);
  });
}

void run(const Clip& op, In in, Out out) {
  map(in[0], out[0], [&](double x) { return x < op.low ? op.low : x > op.high ? op.high : x; });
}

void run(const ClipByNorm& op, In in, Out out) {
  with_float(in[0].dtype, [&]<class T>(T) {
    const double norm = std::sqrt(static_cast<double>(*in[1].as<T>()));
    const double scale = norm == 0 ? 1 : std::min(op.max_norm / norm, 1.0);
    map(in[0], out[0], [&](double x) { return x * scale; });
  });
}

void run(const Cast&, In in, Out out) {
  with_any(in[0].dtype, [&]<class From>(From) {
    with_any(out[0].dtype, [&]<class To>(To) {
      for (std::int64_t i = 0; i < elements(in[0]); ++i) out[0].as<To>()[i] = convert<To>(in[0].as<From>()[i]);
    });
  });
}

void run(const Fill& op, In, Out out) {
  with_any(out[0].dtype, [&]<class T>(T) { std::fill_n(out[0].as<T>(), elements(out[0]), convert<T>(op.value)); });
}

}  // namespace tutti::reference
