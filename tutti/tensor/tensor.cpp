#include "tutti/tensor/tensor.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tutti/base/error.h"

namespace tutti {
namespace {

// A large page of x86-64 and of most AArch64 kernels. Kernels of convolutions walk dozens of pages at once: more than the first
// level of address translation remembers, unless pages are large.
constexpr std::size_t kHugePage = std::size_t{1} << 21;

std::shared_ptr<std::byte> allocate(std::size_t bytes) {
  const std::size_t rounded =
      std::max<std::size_t>(1, (bytes + Tensor::kAlignment - 1) / Tensor::kAlignment) * Tensor::kAlignment;
  const bool huge = rounded >= kHugePage;
  void* memory = nullptr;  // posix_memalign: aligned_alloc wants sizes that are a multiple of the alignment
  if (::posix_memalign(&memory, huge ? kHugePage : Tensor::kAlignment, rounded) != 0) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (huge) ::madvise(memory, rounded / kHugePage * kHugePage, MADV_HUGEPAGE);  // a wish: nothing is lost if it is refused
#endif
  return {static_cast<std::byte*>(memory), [](std::byte* pointer) { std::free(pointer); }};
}

template <class From, class To>
void convert(const void* from, void* to, std::int64_t count) {
  const auto* source = static_cast<const From*>(from);
  auto* target = static_cast<To*>(to);
  for (std::int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<To, std::uint8_t>)
      target[i] = static_cast<std::uint8_t>(std::clamp(static_cast<double>(source[i]), 0.0, 255.0));
    else
      target[i] = static_cast<To>(source[i]);
  }
}

template <class Function>
void with_type(DType dtype, Function function) {
  switch (dtype) {
    case DType::kFloat32:
      return function(float{});
    case DType::kFloat64:
      return function(double{});
    case DType::kInt32:
      return function(std::int32_t{});
    case DType::kInt64:
      return function(std::int64_t{});
    case DType::kUInt8:
      return function(std::uint8_t{});
  }
}

}  // namespace

Tensor::Tensor() : type_{DType::kFloat32, Shape{0}} {}

Tensor::Tensor(Shape shape, DType dtype) : type_{dtype, std::move(shape)} {
  for (const std::int64_t extent : type_.shape)
    if (extent < 0) fail("Tensor", "a tensor needs a known shape. Got {}.", to_string(type_.shape));
  buffer_ = allocate(bytes());
  std::memset(buffer_.get(), 0, bytes());
}

template <class T>
Tensor Tensor::of(Shape shape, std::span<const T> values) {
  Tensor tensor(std::move(shape), dtype_of<T>());
  if (static_cast<std::int64_t>(values.size()) != tensor.elements())
    fail("Tensor", "shape {} needs {} values. Got {}.", to_string(tensor.shape()), tensor.elements(), values.size());
  if (!values.empty()) std::memcpy(tensor.raw(), values.data(), tensor.bytes());
  return tensor;
}

template <class T>
std::span<T> Tensor::data() {
  if (dtype() != dtype_of<T>()) fail("Tensor", "the elements are {}. Asked for {}.", name_of(dtype()), name_of(dtype_of<T>()));
  return {static_cast<T*>(raw()), static_cast<std::size_t>(elements())};
}

template <class T>
std::span<const T> Tensor::data() const {
  return const_cast<Tensor*>(this)->data<T>();
}

#define TUTTI_INSTANTIATE(T)                                \
  template Tensor Tensor::of<T>(Shape, std::span<const T>); \
  template std::span<T> Tensor::data<T>();                  \
  template std::span<const T> Tensor::data<T>() const;
TUTTI_INSTANTIATE(float)
TUTTI_INSTANTIATE(double)
TUTTI_INSTANTIATE(std::int32_t)
TUTTI_INSTANTIATE(std::int64_t)
TUTTI_INSTANTIATE(std::uint8_t)
#undef TUTTI_INSTANTIATE

double Tensor::item() const {
  if (elements() != 1) fail("Tensor", "item() needs one element. Got shape {}.", to_string(shape()));
  double value = 0;
  with_type(dtype(), [&](auto zero) { convert<decltype(zero), double>(raw(), &value, 1); });
  return value;
}

Tensor Tensor::clone() const {
  if (!buffer_) return {};
  Tensor copy(type_);
  std::memcpy(copy.raw(), raw(), bytes());
  return copy;
}

Tensor Tensor::reshape(Shape shape) const {
  if (shape.elements() != elements())
    fail("Tensor", "cannot reshape {} to {}: the numbers of elements differ.", to_string(this->shape()), to_string(shape));
  Tensor other = *this;
  other.type_.shape = std::move(shape);
  return other;
}

Tensor Tensor::cast(DType target) const {
  if (target == dtype()) return clone();
  Tensor result(shape(), target);
  with_type(dtype(), [&](auto from) {
    with_type(target, [&](auto to) { convert<decltype(from), decltype(to)>(raw(), result.raw(), elements()); });
  });
  return result;
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t end) const {
  if (shape().rank() == 0 || begin < 0 || end < begin || end > shape()[0])
    fail("Tensor", "rows {} to {} are not in shape {}.", begin, end, to_string(shape()));
  Tensor part = *this;
  part.type_.shape[0] = end - begin;
  const std::size_t row_bytes = shape()[0] == 0 ? 0 : bytes() / static_cast<std::size_t>(shape()[0]);
  part.buffer_ = std::shared_ptr<std::byte>(buffer_, buffer_.get() + static_cast<std::size_t>(begin) * row_bytes);
  return part;
}

}  // namespace tutti
