// Moving elements about: every op here is one copy with strides on both sides.
#include <cstring>

#include "tutti/engines/native/isa/elementwise.h"
#include "tutti/engines/native/kernels.h"

namespace tutti::native {
namespace {

// Copies an array of `shape` between two places; strides and offsets in bytes.
class StridedCopy {
 public:
  StridedCopy(const Shape& shape, std::vector<std::int64_t> from, std::vector<std::int64_t> to, std::int64_t element) {
    // Neighbouring axes that lie together on both sides become one, and whole runs become one memcpy.
    run_ = element;
    int axis = shape.rank() - 1;
    for (; axis >= 0 && at(from, axis) == run_ && at(to, axis) == run_; --axis) run_ *= shape[axis];
    for (; axis >= 0; --axis) {
      if (shape[axis] == 1) continue;
      if (!axes_.empty() && at(from, axis) == axes_.back().count * axes_.back().from &&
          at(to, axis) == axes_.back().count * axes_.back().to) {
        axes_.back().count *= shape[axis];
      } else {
        axes_.push_back({shape[axis], at(from, axis), at(to, axis)});
      }
    }
    for (const Axis& a : axes_) runs_ *= a.count;
    empty_ = shape.elements() == 0;
  }

  void run(const void* from, void* to) const {
    if (empty_) return;
    const auto* source = static_cast<const std::byte*>(from);
    auto* target = static_cast<std::byte*>(to);
    parallel_for(0, runs_, ceil_div(kStreamGrain * 4, run_ + 16), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end;) i += copy_inner(source, target, i, end);
    });
  }

 private:
  struct Axis {
    std::int64_t count, from, to;
  };

  static std::int64_t at(const std::vector<std::int64_t>& strides, int axis) { return strides[static_cast<std::size_t>(axis)]; }

  // Copies runs i ... to the end of the innermost axis or to `end`; returns how many.
  std::int64_t copy_inner(const std::byte* source, std::byte* target, std::int64_t i, std::int64_t end) const {
    if (axes_.empty()) return std::memcpy(target, source, static_cast<std::size_t>(run_)), 1;
    std::int64_t rest = i;
    for (const Axis& axis : axes_) {
      source += rest % axis.count * axis.from;
      target += rest % axis.count * axis.to;
      rest /= axis.count;
    }
    const Axis& inner = axes_.front();
    const std::int64_t count = std::min(end - i, inner.count - i % inner.count);
    if (run_ == 4) {  // single floats: a memcpy of a known size is a move
      for (std::int64_t j = 0; j < count; ++j) std::memcpy(target + j * inner.to, source + j * inner.from, 4);
    } else {
      for (std::int64_t j = 0; j < count; ++j)
        std::memcpy(target + j * inner.to, source + j * inner.from, static_cast<std::size_t>(run_));
    }
    return count;
  }

  std::vector<Axis> axes_;  // innermost first
  std::int64_t run_ = 0, runs_ = 1;
  bool empty_ = false;
};

std::vector<std::int64_t> byte_strides(const TensorType& type) {
  std::vector<std::int64_t> strides = type.shape.strides();
  for (std::int64_t& stride : strides) stride *= static_cast<std::int64_t>(size_of(type.dtype));
  return strides;
}

std::int64_t element_of(const TensorType& type) { return static_cast<std::int64_t>(size_of(type.dtype)); }

std::int64_t offset_of(const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& strides) {
  std::int64_t offset = 0;
  for (std::size_t axis = 0; axis < begin.size(); ++axis) offset += begin[axis] * strides[axis];
  return offset;
}

}  // namespace

Prepared prepare_op(const OpCall& call, const Pad& op) {
  const TensorType &x = call.inputs[0], &y = call.outputs[0];
  const StridedCopy copy(x.shape, byte_strides(x), byte_strides(y), element_of(x));
  const std::int64_t offset = offset_of(op.before, byte_strides(y)), bytes = static_cast<std::int64_t>(y.bytes());
  return ready([=](Inputs in, Outputs out) {
    stream(bytes, [&](std::int64_t begin, std::int64_t end) {
      std::memset(out[0].as<std::byte>() + begin, 0, static_cast<std::size_t>(end - begin));
    });
    copy.run(in[0].data, out[0].as<std::byte>() + offset);
  });
}

Prepared prepare_op(const OpCall& call, const Slice& op) {
  const TensorType &x = call.inputs[0], &y = call.outputs[0];
  const StridedCopy copy(y.shape, byte_strides(x), byte_strides(y), element_of(x));
  const std::int64_t offset = offset_of(op.begin, byte_strides(x));
  return ready([=](Inputs in, Outputs out) { copy.run(in[0].as<std::byte>() + offset, out[0].data); });
}

Prepared prepare_op(const OpCall& call, const Concat& op) {
  const std::vector<std::int64_t> strides = byte_strides(call.outputs[0]);
  std::vector<StridedCopy> copies;
  std::vector<std::int64_t> offsets;
  std::int64_t offset = 0;
  for (const TensorType& x : call.inputs) {
    copies.emplace_back(x.shape, byte_strides(x), strides, element_of(x));
    offsets.push_back(offset);
    offset += x.shape[op.axis] * strides[static_cast<std::size_t>(op.axis < 0 ? op.axis + x.shape.rank() : op.axis)];
  }
  return ready([=](Inputs in, Outputs out) {
    for (std::size_t i = 0; i < copies.size(); ++i) copies[i].run(in[i].data, out[0].as<std::byte>() + offsets[i]);
  });
}

Prepared prepare_op(const OpCall& call, const Upsample2D& op) {
  const TensorType &x = call.inputs[0], &y = call.outputs[0];
  // y seen as (n, h, factor, w, factor, c), along whose factors x does not move.
  const auto [factor_h, factor_w] = op.factors;
  const std::vector<std::int64_t> from = byte_strides(x), to = byte_strides(y);
  const Shape shape{x.shape[0], x.shape[1], factor_h, x.shape[2], factor_w, x.shape[3]};
  const StridedCopy copy(shape, {from[0], from[1], 0, from[2], 0, from[3]},
                         {to[0], factor_h * to[1], to[1], factor_w * to[2], to[2], to[3]}, element_of(x));
  return ready([copy](Inputs in, Outputs out) { copy.run(in[0].data, out[0].data); });
}

// dx is the sum of a block of dy: the rows of the block are added pixel by pixel.
Prepared prepare_op(const OpCall& call, const Upsample2DGrad& op) {
  const Shape &dy_shape = call.inputs[0].shape, &dx_shape = call.outputs[0].shape;
  const std::int64_t w = dx_shape[2], c = dx_shape[3], dy_row = dy_shape[2] * c;
  const std::int64_t factor_h = op.factors[0], factor_w = op.factors[1];
  const auto add = elementwise_isa().binary[static_cast<std::size_t>(BinaryKind::kAdd)];
  return ready([=, rows = dx_shape[0] * dx_shape[1]](Inputs in, Outputs out) {
    parallel_for(0, rows, ceil_div(kStreamGrain, factor_h * dy_row + 1), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        for (std::int64_t column = 0; column < w; ++column) {
          const float* block = in[0].as<float>() + row * factor_h * dy_row + column * factor_w * c;
          float* dx = out[0].as<float>() + (row * w + column) * c;
          std::copy_n(block, c, dx);
          for (std::int64_t i = 1; i < factor_h * factor_w; ++i)
            add(dx, block + i / factor_w * dy_row + i % factor_w * c, dx, c);
        }
      }
    });
  });
}

Prepared prepare_op(const OpCall& call, const Reshape&) {
  const StridedCopy copy(call.inputs[0].shape, byte_strides(call.inputs[0]), byte_strides(call.inputs[0]),
                         element_of(call.inputs[0]));
  return ready([copy](Inputs in, Outputs out) { copy.run(in[0].data, out[0].data); });
}

Prepared prepare_op(const OpCall& call, const Transpose& op) {
  const TensorType &x = call.inputs[0], &y = call.outputs[0];
  const std::vector<std::int64_t> own = byte_strides(x);
  std::vector<std::int64_t> from;
  for (const int axis : op.permutation) from.push_back(own[static_cast<std::size_t>(axis)]);
  const StridedCopy copy(y.shape, from, byte_strides(y), element_of(x));
  return ready([copy](Inputs in, Outputs out) { copy.run(in[0].data, out[0].data); });
}

}  // namespace tutti::native
