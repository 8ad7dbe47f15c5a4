// The reference kernels: one function `run` an op. Types and shapes are those of the OpCall, already checked.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "tutti/engine/engine.h"

namespace tutti::reference {

using namespace op;

using In = std::span<const ConstView>;
using Out = std::span<const View>;

void run(const Conv2D& op, In in, Out out);
void run(const Conv2DInputGrad& op, In in, Out out);
void run(const Conv2DKernelGrad& op, In in, Out out);
void run(const MatMul& op, In in, Out out);
void run(const MaxPool2D& op, In in, Out out);
void run(const MaxPool2DGrad& op, In in, Out out);
void run(const AveragePool2D& op, In in, Out out);
void run(const AveragePool2DGrad& op, In in, Out out);
void run(const Activation& op, In in, Out out);
void run(const ActivationGrad& op, In in, Out out);
void run(const Unary& op, In in, Out out);
void run(const Binary& op, In in, Out out);
void run(const Affine& op, In in, Out out);
void run(const Axpby& op, In in, Out out);
void run(const Clip& op, In in, Out out);
void run(const ClipByNorm& op, In in, Out out);
void run(const Cast& op, In in, Out out);
void run(const Fill& op, In in, Out out);
void run(const Reduce& op, In in, Out out);
void run(const Softmax& op, In in, Out out);
void run(const SoftmaxGrad& op, In in, Out out);
void run(const BatchNorm& op, In in, Out out);
void run(const BatchNormGrad& op, In in, Out out);
void run(const BatchNormInference& op, In in, Out out);
void run(const BatchNormInferenceGrad& op, In in, Out out);
void run(const LayerNorm& op, In in, Out out);
void run(const LayerNormGrad& op, In in, Out out);
void run(const Dropout& op, In in, Out out);
void run(const DropoutGrad& op, In in, Out out);
void run(const Pad& op, In in, Out out);
void run(const Slice& op, In in, Out out);
void run(const Concat& op, In in, Out out);
void run(const Upsample2D& op, In in, Out out);
void run(const Upsample2DGrad& op, In in, Out out);
void run(const Reshape& op, In in, Out out);
void run(const Transpose& op, In in, Out out);
void run(const Loss& op, In in, Out out);
void run(const LossGrad& op, In in, Out out);
void run(const SgdUpdate& op, In in, Out out);
void run(const AdamUpdate& op, In in, Out out);
void run(const NadamUpdate& op, In in, Out out);
void run(const NadamProduct& op, In in, Out out);
void run(const RmspropUpdate& op, In in, Out out);
void run(const AdagradUpdate& op, In in, Out out);
void run(const Increment& op, In in, Out out);

// sums[i] += factor * values[i]: the loop in which convolution and matrix product spend their time. The arrays do not overlap.
void add_scaled(double* sums, const double* values, double factor, std::int64_t count);

template <class T>
std::vector<double> widened(const T* values, std::int64_t count) {
  return std::vector<double>(values, values + count);
}

// Calls body(T{}) with T float or double.
template <class Body>
void with_float(DType dtype, Body body) {
  if (dtype == DType::kFloat32)
    body(float{});
  else
    body(double{});
}

// Calls body(T{}) with the element type.
template <class Body>
void with_any(DType dtype, Body body) {
  switch (dtype) {
    case DType::kFloat32:
      return body(float{});
    case DType::kFloat64:
      return body(double{});
    case DType::kInt32:
      return body(std::int32_t{});
    case DType::kInt64:
      return body(std::int64_t{});
    case DType::kUInt8:
      return body(std::uint8_t{});
  }
}

inline std::int64_t elements(const ConstView& view) { return view.shape->elements(); }

// The product of all extents but the last; 1 for a scalar.
inline std::int64_t rows(const Shape& shape) {
  std::int64_t product = 1;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) product *= shape[axis];
  return product;
}

// Rounds sums to the element type of y.
template <class T>
void store(std::span<const double> sums, T* y) {
  for (std::size_t i = 0; i < sums.size(); ++i) y[i] = static_cast<T>(sums[i]);
}

// One stride an axis, in elements; 0 repeats the array along the axis.
using Strides = std::vector<std::int64_t>;

// The strides with which an array of shape `from` is read as if it had shape `to` (NumPy broadcasting).
inline Strides broadcast_strides(const Shape& from, const Shape& to) {
  const Strides own = from.strides();
  Strides strides(static_cast<std::size_t>(to.rank()), 0);
  const std::size_t skipped = strides.size() - own.size();
  for (std::size_t axis = 0; axis < own.size(); ++axis)
    if (from.extents()[axis] != 1) strides[skipped + axis] = own[axis];
  return strides;
}

// Visits every index of `shape` in row-major order: visit(offsets), offsets[k] = sum of index[axis] * strides[k][axis].
template <std::size_t K, class Visit>
void for_each_index(const Shape& shape, const std::array<Strides, K>& strides, Visit visit) {
  if (shape.elements() == 0) return;
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()), 0);
  std::array<std::int64_t, K> offsets{};
  while (true) {
    visit(offsets);
    std::size_t axis = index.size();
    while (axis > 0) {
      --axis;
      for (std::size_t k = 0; k < K; ++k) offsets[k] += strides[k][axis];
      if (++index[axis] < shape.extents()[axis]) break;
      for (std::size_t k = 0; k < K; ++k) offsets[k] -= strides[k][axis] * index[axis];
      index[axis] = 0;
      if (axis == 0) return;
    }
    if (index.empty()) return;
  }
}

}  // namespace tutti::reference
