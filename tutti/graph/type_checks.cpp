#include "tutti/graph/type_checks.h"

#include <cstddef>
#include <limits>

#include <fmt/ranges.h>

#include "tutti/base/error.h"

namespace tutti {

void check_type(std::string_view where, std::string_view what, const TensorType& type) {
  std::int64_t room = std::numeric_limits<std::ptrdiff_t>::max() / static_cast<std::int64_t>(size_of(type.dtype));
  for (const std::int64_t extent : type.shape) {
    if (extent < 1)
      fail(where, "{} has an empty or unknown axis. Expected extents of at least 1. Got {}.", what, to_string(type));
    room /= extent;
  }
  if (room < 1) fail(where, "{} does not fit into memory. Expected fewer elements. Got {}.", what, to_string(type));
}

bool is_floating(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat64; }

Inputs::Inputs(std::string_view op, std::span<const TensorType> types, std::initializer_list<std::string_view> names,
               int optional)
    : op_(op), types_(types), names_(names) {
  const std::size_t least = names.size() - static_cast<std::size_t>(optional);
  if (types.size() < least || types.size() > names.size()) {
    const std::string expected = optional > 0 ? fmt::format("{} to {}", least, names.size()) : std::to_string(least);
    fail(op, "wrong number of inputs. Expected {}: {}. Got {}.", expected, fmt::join(names_, ", "), types.size());
  }
  for (int input = 0; input < count(); ++input) check_type(op, name(input), (*this)[input]);
}

const TensorType& Inputs::floating(int input) const {
  const TensorType& type = (*this)[input];
  if (!is_floating(type.dtype))
    fail(op_, "{} has the wrong element type. Expected float32 or float64. Got {}.", name(input), to_string(type));
  return type;
}

const TensorType& Inputs::floating(int input, int rank, std::string_view layout) const {
  const TensorType& type = floating(input);
  if (type.shape.rank() != rank)
    fail(op_, "{} has the wrong number of axes. Expected {}: {}. Got {}.", name(input), rank, layout, to_string(type));
  return type;
}

const TensorType& Inputs::floating_rows(int input) const {
  const TensorType& type = floating(input);
  if (type.shape.rank() < 1)
    fail(op_, "{} has no axis. Expected at least one: (..., c). Got {}.", name(input), to_string(type));
  return type;
}

void Inputs::exactly(int input, const TensorType& expected) const {
  if ((*this)[input] != expected)
    fail(op_, "{} has the wrong type. Expected {}. Got {}.", name(input), to_string(expected), to_string((*this)[input]));
}

void Inputs::shaped(int input, const Shape& expected) const {
  if (shape(input) != expected)
    fail(op_, "{} has the wrong shape. Expected {}. Got {}.", name(input), to_string(expected), to_string(shape(input)));
}

}  // namespace tutti
