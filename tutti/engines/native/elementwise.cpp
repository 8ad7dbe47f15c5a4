#include "tutti/engines/native/isa/elementwise.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "tutti/engines/native/broadcast.h"

namespace tutti::native {
namespace {

template <class Function>
Prepared map_one(const OpCall& call, Function function) {
  const std::int64_t count = call.outputs[0].shape.elements();
  return ready([=](Inputs in, Outputs out) {
    const float* x = in[0].as<float>();
    float* y = out[0].as<float>();
    stream(count, [&](std::int64_t begin, std::int64_t end) { function(x + begin, y + begin, end - begin); });
  });
}

// f(T{}) with the C++ type of dtype.
template <class F>
void with_type(DType dtype, F f) {
  switch (dtype) {
    case DType::kFloat32:
      return f(float{});
    case DType::kFloat64:
      return f(double{});
    case DType::kInt32:
      return f(std::int32_t{});
    case DType::kInt64:
      return f(std::int64_t{});
    case DType::kUInt8:
      return f(std::uint8_t{});
  }
}

// Truncates towards zero; what To cannot hold becomes its nearest value, NaN becomes 0.
template <class To, class From>
To convert(From value) {
  if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(value);
  } else if constexpr (std::is_floating_point_v<From>) {
    // The bounds as From has them may be one too large, so that equality counts as outside.
    if (std::isnan(value)) return To{0};
    if (value >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    if (value <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    return static_cast<To>(value);
  } else {
    const auto wide = static_cast<std::int64_t>(value);
    return static_cast<To>(std::clamp<std::int64_t>(wide, std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
  }
}

}  // namespace

Prepared prepare_op(const OpCall& call, const Unary& op) {
  return map_one(call, elementwise_isa().unary[static_cast<int>(op.kind)]);
}

Prepared prepare_op(const OpCall& call, const Binary& op) {
  const auto kind = static_cast<std::size_t>(op.kind);
  const ElementwiseIsa& isa = elementwise_isa();
  const BroadcastWalk walk(call.inputs[0].shape, call.inputs[1].shape, call.outputs[0].shape);
  if (walk.step_a() == 1 && walk.step_b() == 1) {
    return ready([walk, f = isa.binary[kind]](Inputs in, Outputs out) {
      walk.run([&](std::int64_t a, std::int64_t b, std::int64_t y, std::int64_t count) {
        f(in[0].as<float>() + a, in[1].as<float>() + b, out[0].as<float>() + y, count);
      });
    });
  }
  // One operand stands still: runs of a scalar.
  const bool scalar_right = walk.step_b() == 0;
  return ready([walk, scalar_right, f = (scalar_right ? isa.scalar_right : isa.scalar_left)[kind]](Inputs in, Outputs out) {
    walk.run([&](std::int64_t a, std::int64_t b, std::int64_t y, std::int64_t count) {
      const float *left = in[0].as<float>() + a, *right = in[1].as<float>() + b;
      f(scalar_right ? left : right, scalar_right ? *right : *left, out[0].as<float>() + y, count);
    });
  });
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
  const std::int64_t count = call.outputs[0].shape.elements();
  Prepared prepared;
  with_type(call.inputs[0].dtype, [&]<class From>(From) {
    with_type(op.dtype, [&]<class To>(To) {
      prepared = ready([count](Inputs in, Outputs out) {
        stream(count, [x = in[0].as<From>(), y = out[0].as<To>()](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) y[i] = convert<To>(x[i]);
        });
      });
    });
  });
  return prepared;
}

Prepared prepare_op(const OpCall& call, const Fill& op) {
  const std::int64_t count = call.outputs[0].shape.elements();
  Prepared prepared;
  with_type(op.type.dtype, [&]<class T>(T) {
    prepared = ready([count, value = convert<T>(op.value)](Inputs, Outputs out) {
      stream(count, [&](std::int64_t begin, std::int64_t end) { std::fill_n(out[0].as<T>() + begin, end - begin, value); });
    });
  });
  return prepared;
}

Prepared prepare_op(const OpCall&, const Increment& op) {
  return ready(
      [amount = op.amount](Inputs in, Outputs out) { *out[0].as<std::int64_t>() = *in[0].as<std::int64_t>() + amount; });
}

}  // namespace tutti::native
