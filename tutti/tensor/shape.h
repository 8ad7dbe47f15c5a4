// Shapes and element types.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace tutti {

enum class DType : std::uint8_t { kFloat32, kFloat64, kInt32, kInt64, kUInt8 };

// Bytes of one element.
std::size_t size_of(DType dtype);
// "float32", "float64", "int32", "int64", "uint8".
std::string_view name_of(DType dtype);
// Error for any other name.
DType dtype_of_name(std::string_view name);

template <class T>
DType dtype_of();
template <>
inline DType dtype_of<float>() {
  return DType::kFloat32;
}
template <>
inline DType dtype_of<double>() {
  return DType::kFloat64;
}
template <>
inline DType dtype_of<std::int32_t>() {
  return DType::kInt32;
}
template <>
inline DType dtype_of<std::int64_t>() {
  return DType::kInt64;
}
template <>
inline DType dtype_of<std::uint8_t>() {
  return DType::kUInt8;
}

// The extents of an array, outermost first; images are (n, h, w, c). A scalar has rank 0. In layers, an
// extent of -1 stands for the batch size that is not known yet.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents) : extents_(extents) {}
  explicit Shape(std::vector<std::int64_t> extents) : extents_(std::move(extents)) {}

  int rank() const { return static_cast<int>(extents_.size()); }
  // Axis may be negative: -1 is the last one.
  std::int64_t operator[](int axis) const { return extents_[static_cast<std::size_t>(axis < 0 ? axis + rank() : axis)]; }
  std::int64_t& operator[](int axis) { return extents_[static_cast<std::size_t>(axis < 0 ? axis + rank() : axis)]; }
  // The product of the extents; 1 for a scalar.
  std::int64_t elements() const;
  // Row-major strides in elements.
  std::vector<std::int64_t> strides() const;
  const std::vector<std::int64_t>& extents() const { return extents_; }
  auto begin() const { return extents_.begin(); }
  auto end() const { return extents_.end(); }
  bool operator==(const Shape&) const = default;

 private:
  std::vector<std::int64_t> extents_;
};

// "(32, 10)"; -1 is written None, as Keras does.
std::string to_string(const Shape& shape);
std::ostream& operator<<(std::ostream& stream, const Shape& shape);

struct TensorType {
  DType dtype = DType::kFloat32;
  Shape shape;
  std::size_t bytes() const { return static_cast<std::size_t>(shape.elements()) * size_of(dtype); }
  bool operator==(const TensorType&) const = default;
};

// "float32 (32, 10)".
std::string to_string(const TensorType& type);

}  // namespace tutti
