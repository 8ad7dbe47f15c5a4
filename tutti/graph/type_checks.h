// Checks that shape inference and graph building share. Private to graph/.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "tutti/graph/op.h"

namespace tutti {

// Error unless every extent is at least 1 and the bytes of the tensor fit an address: `what` says which value it is.
void check_type(std::string_view where, std::string_view what, const TensorType& type);

bool is_floating(DType dtype);

// The inputs of one op under their names, and the checks on them; every check throws Error with the op's name.
class Inputs {
 public:
  // Error unless there is a type for each of `names`, the last `optional` of which may be left out, and each is valid.
  Inputs(std::string_view op, std::span<const TensorType> types, std::initializer_list<std::string_view> names,
         int optional = 0);

  std::string_view op() const { return op_; }
  int count() const { return static_cast<int>(types_.size()); }
  const TensorType& operator[](int input) const { return types_[static_cast<std::size_t>(input)]; }
  const Shape& shape(int input) const { return (*this)[input].shape; }

  // float32 or float64, of any shape.
  const TensorType& floating(int input) const;
  // float32 or float64, with as many axes as `layout`, "(n, h, w, c)", names.
  const TensorType& floating(int input, int rank, std::string_view layout) const;
  // At least one axis, float32 or float64.
  const TensorType& floating_rows(int input) const;
  // Exactly this type.
  void exactly(int input, const TensorType& expected) const;
  // Exactly this shape, of any dtype.
  void shaped(int input, const Shape& expected) const;
  // int64 ().
  void step(int input) const { exactly(input, {DType::kInt64, {}}); }

 private:
  std::string_view op_;
  std::span<const TensorType> types_;
  std::vector<std::string_view> names_;
  std::string_view name(int input) const { return names_[static_cast<std::size_t>(input)]; }
};

}  // namespace tutti
