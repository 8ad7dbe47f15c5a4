// Tensor: a cheap handle on a row-major host buffer; and the views that kernels see.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "tutti/tensor/shape.h"

namespace tutti {

// Borrowed memory of one array, row-major, densely packed, any alignment of its element type.
struct ConstView {
  const void* data = nullptr;
  DType dtype = DType::kFloat32;
  const Shape* shape = nullptr;  // outlives the view
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};
struct View {
  void* data = nullptr;
  DType dtype = DType::kFloat32;
  const Shape* shape = nullptr;
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  operator ConstView() const { return {data, dtype, shape}; }
};

// Copies of a Tensor share the buffer; clone() makes a new one. A default-constructed Tensor is empty:
// shape (0,), no buffer.
class Tensor {
 public:
  // Cache line and AVX-512 vector.
  static constexpr std::size_t kAlignment = 64;

  Tensor();
  // Zero-filled.
  Tensor(Shape shape, DType dtype = DType::kFloat32);
  explicit Tensor(const TensorType& type) : Tensor(type.shape, type.dtype) {}
  // Copies `values` (row-major). Error if their number is not shape.elements().
  template <class T>
  static Tensor of(Shape shape, std::span<const T> values);
  template <class T>
  static Tensor of(Shape shape, std::initializer_list<T> values) {
    return of(std::move(shape), std::span<const T>(values.begin(), values.size()));
  }
  template <class T>
  static Tensor scalar(T value) {
    return of(Shape{}, std::span<const T>(&value, 1));
  }

  const Shape& shape() const { return type_.shape; }
  DType dtype() const { return type_.dtype; }
  const TensorType& type() const { return type_; }
  std::int64_t elements() const { return type_.shape.elements(); }
  std::size_t bytes() const { return type_.bytes(); }
  bool empty() const { return elements() == 0; }

  void* raw() { return buffer_.get(); }
  const void* raw() const { return buffer_.get(); }
  // Error if T is not the element type.
  template <class T>
  std::span<T> data();
  template <class T>
  std::span<const T> data() const;
  // The only element of a one-element tensor, converted.
  double item() const;

  View view() { return {buffer_.get(), type_.dtype, &type_.shape}; }
  ConstView view() const { return {buffer_.get(), type_.dtype, &type_.shape}; }

  Tensor clone() const;
  // The same buffer seen with another shape of as many elements.
  Tensor reshape(Shape shape) const;
  // A converted copy (values are clamped when going to uint8).
  Tensor cast(DType dtype) const;
  // Rows [begin, end) of the first axis; shares the buffer.
  Tensor rows(std::int64_t begin, std::int64_t end) const;

 private:
  std::shared_ptr<std::byte> buffer_;
  TensorType type_;
};

}  // namespace tutti
