#include "tutti/engines/native/isa/elementwise.h"

#include <cmath>

#include "tutti/engines/native/kernels.h"

namespace tutti::native {
namespace {

// How the smaller operand of a Binary lies along the larger one.
enum class Broadcast { kSame, kScalar, kRow, kOther };

Broadcast broadcast_of(const Shape& x, const Shape& y) {
  if (x == y) return Broadcast::kSame;
  if (x.elements() == 1) return Broadcast::kScalar;
  if (x.rank() >= 1 && y.rank() >= 1 && x.elements() == x[-1] && x[-1] == y[-1]) return Broadcast::kRow;
  return Broadcast::kOther;
}

template <class Function>
Prepared map_one(const OpCall& call, Function function) {
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([=](Inputs in, Outputs out) {
    const float* x = in[0].as<float>();
    float* y = out[0].as<float>();
    stream(count, [&](std::int64_t begin, std::int64_t end) { function(x + begin, y + begin, end - begin); });
  });
}

// y[row] = f(a[row], b), where b is one row; or f(b, a[row]) if swapped.
Prepared map_rows(ElementwiseIsa::Binary function, const Shape& y_shape, bool swapped) {
  const std::int64_t c = y_shape[-1], rows = rows_of(y_shape);
  return ready([=](Inputs in, Outputs out) {
    const float *matrix = in[swapped ? 1 : 0].as<float>(), *line = in[swapped ? 0 : 1].as<float>();
    float* y = out[0].as<float>();
    parallel_for(0, rows, ceil_div(kStreamGrain, c), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t at = begin * c; at < end * c; at += c)
        swapped ? function(line, matrix + at, y + at, c) : function(matrix + at, line, y + at, c);
    });
  });
}

template <class F>
bool with_source_type(DType dtype, F f) {
  switch (dtype) {
    case DType::kUInt8:
      return f(std::uint8_t{}), true;
    case DType::kInt32:
      return f(std::int32_t{}), true;
    case DType::kInt64:
      return f(std::int64_t{}), true;
    case DType::kFloat32:
      return f(float{}), true;
    default:
      return false;
  }
}

}  // namespace

Prepared prepare_op(const OpCall& call, const Unary& op) {
  return map_one(call, elementwise_isa().unary[static_cast<int>(op.kind)]);
}

Prepared prepare_op(const OpCall& call, const Binary& op) {
  const auto kind = static_cast<std::size_t>(op.kind);
  const ElementwiseIsa& isa = elementwise_isa();
  const Shape& y = call.outputs[0].shape;
  const Broadcast a = broadcast_of(call.inputs[0].shape, y), b = broadcast_of(call.inputs[1].shape, y);
  const std::int64_t count = y.elements();
  if (call.outputs[0].dtype != DType::kFloat32) return refuse("native computes in float32 only");
  if (a == Broadcast::kSame && b == Broadcast::kSame) {
    return ready([=, f = isa.binary[kind]](Inputs in, Outputs out) {
      stream(count, [&](std::int64_t begin, std::int64_t end) {
        f(in[0].as<float>() + begin, in[1].as<float>() + begin, out[0].as<float>() + begin, end - begin);
      });
    });
  }
  if ((a == Broadcast::kSame && b == Broadcast::kScalar) || (a == Broadcast::kScalar && b == Broadcast::kSame)) {
    const std::size_t scalar = b == Broadcast::kScalar ? 1 : 0;
    return ready([=, f = scalar == 1 ? isa.scalar_right[kind] : isa.scalar_left[kind]](Inputs in, Outputs out) {
      const float value = *in[scalar].as<float>();
      stream(count, [&](std::int64_t begin, std::int64_t end) {
        f(in[1 - scalar].as<float>() + begin, value, out[0].as<float>() + begin, end - begin);
      });
    });
  }
  if (a == Broadcast::kSame && b == Broadcast::kRow) return map_rows(isa.binary[kind], y, false);
  if (a == Broadcast::kRow && b == Broadcast::kSame) return map_rows(isa.binary[kind], y, true);
  return refuse("broadcasting other than of a scalar or a row");
}

Prepared prepare_op(const OpCall& call, const Affine& op) {
  const auto scale = static_cast<float>(op.scale), offset = static_cast<float>(op.offset);
  return map_one(call, [scale, offset, f = elementwise_isa().affine](const float* x, float* y, std::int64_t count) {
    f(x, scale, offset, y, count);
  });
}

Prepared prepare_op(const OpCall& call, const Axpby& op) {
  const auto alpha = static_cast<float>(op.alpha), beta = static_cast<float>(op.beta);
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([=, f = elementwise_isa().axpby](Inputs in, Outputs out) {
    stream(count, [&](std::int64_t begin, std::int64_t end) {
      f(alpha, in[0].as<float>() + begin, beta, in[1].as<float>() + begin, out[0].as<float>() + begin, end - begin);
    });
  });
}

Prepared prepare_op(const OpCall& call, const Clip& op) {
  const auto low = static_cast<float>(op.low), high = static_cast<float>(op.high);
  return map_one(call, [low, high, f = elementwise_isa().clip](const float* x, float* y, std::int64_t count) {
    f(x, low, high, y, count);
  });
}

Prepared prepare_op(const OpCall& call, const ClipByNorm& op) {
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([=, max_norm = op.max_norm, f = elementwise_isa().affine](Inputs in, Outputs out) {
    const double norm = std::sqrt(static_cast<double>(*in[1].as<float>()));
    const auto scale = static_cast<float>(norm == 0 ? 1.0 : std::min(max_norm / norm, 1.0));
    stream(count, [&](std::int64_t begin, std::int64_t end) {
      f(in[0].as<float>() + begin, scale, 0, out[0].as<float>() + begin, end - begin);
    });
  });
}

Prepared prepare_op(const OpCall& call, const Cast& op) {
  if (op.dtype != DType::kFloat32) return refuse("a cast to another type than float32");
  const std::int64_t count = call.outputs[0].shape.elements();
  Prepared prepared = refuse("a cast from a type without a kernel");
  with_source_type(call.inputs[0].dtype, [&]<class From>(From) {
    prepared = ready([count](Inputs in, Outputs out) {
      stream(count, [&](std::int64_t begin, std::int64_t end) {
        const From* x = in[0].as<From>();
        for (std::int64_t i = begin; i < end; ++i) out[0].as<float>()[i] = static_cast<float>(x[i]);
      });
    });
  });
  return prepared;
}

Prepared prepare_op(const OpCall& call, const Fill& op) {
  if (op.type.dtype != DType::kFloat32) return refuse("another type than float32");
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([count, value = static_cast<float>(op.value)](Inputs, Outputs out) {
    stream(count, [&](std::int64_t begin, std::int64_t end) { std::fill_n(out[0].as<float>() + begin, end - begin, value); });
  });
}

Prepared prepare_op(const OpCall&, const Increment& op) {
  return ready(
      [amount = op.amount](Inputs in, Outputs out) { *out[0].as<std::int64_t>() = *in[0].as<std::int64_t>() + amount; });
}

}  // namespace tutti::native
