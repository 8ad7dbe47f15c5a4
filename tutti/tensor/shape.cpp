#include "tutti/tensor/shape.h"

#include <ostream>

#include "tutti/base/error.h"

namespace tutti {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  std::size_t size;
};
constexpr DTypeRow kDTypes[] = {{DType::kFloat32, "float32", 4},
                                {DType::kFloat64, "float64", 8},
                                {DType::kInt32, "int32", 4},
                                {DType::kInt64, "int64", 8},
                                {DType::kUInt8, "uint8", 1}};

}  // namespace

std::size_t size_of(DType dtype) { return kDTypes[static_cast<int>(dtype)].size; }

std::string_view name_of(DType dtype) { return kDTypes[static_cast<int>(dtype)].name; }

DType dtype_of_name(std::string_view name) {
  for (const DTypeRow& row : kDTypes)
    if (row.name == name) return row.dtype;
  fail("dtype", "unknown element type. Expected float32, float64, int32, int64 or uint8. Got {}.", name);
}

std::int64_t Shape::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : extents_) product *= extent;
  return product;
}

std::vector<std::int64_t> Shape::strides() const {
  std::vector<std::int64_t> strides(extents_.size(), 1);
  for (int axis = rank() - 2; axis >= 0; --axis) {
    const auto at = static_cast<std::size_t>(axis);
    strides[at] = strides[at + 1] * extents_[at + 1];
  }
  return strides;
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) text += ", ";
    text += shape[axis] < 0 ? "None" : std::to_string(shape[axis]);
  }
  if (shape.rank() == 1) text += ",";
  return text + ")";
}

std::ostream& operator<<(std::ostream& stream, const Shape& shape) { return stream << to_string(shape); }

std::string to_string(const TensorType& type) { return fmt::format("{} {}", name_of(type.dtype), to_string(type.shape)); }

}  // namespace tutti
