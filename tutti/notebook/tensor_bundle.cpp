// A tensor as numbers, and as a picture.
#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "tutti/data/images.h"
#include "tutti/notebook/mime_bundle.h"
#include "tutti/report/pictures.h"

namespace tutti {
namespace {

constexpr std::int64_t kFew = 1000, kEdge = 3;  // NumPy's threshold and edgeitems
constexpr std::int64_t kMostImages = 40, kSmallestImage = 8;

std::string number(const Tensor& tensor, std::int64_t index) {
  const auto i = static_cast<std::size_t>(index);
  switch (tensor.dtype()) {
    case DType::kFloat32:
      return fmt::format("{:.6g}", tensor.data<float>()[i]);
    case DType::kFloat64:
      return fmt::format("{:.8g}", tensor.data<double>()[i]);
    case DType::kInt32:
      return fmt::to_string(tensor.data<std::int32_t>()[i]);
    case DType::kInt64:
      return fmt::to_string(tensor.data<std::int64_t>()[i]);
    case DType::kUInt8:
      return fmt::to_string(tensor.data<std::uint8_t>()[i]);
  }
  return "";
}

// The indices of an axis that are written; -1 stands for those left out.
std::vector<std::int64_t> shown(std::int64_t extent, bool all) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < extent; ++i) {
    if (all || extent <= 2 * kEdge || i < kEdge || i >= extent - kEdge)
      indices.push_back(i);
    else if (indices.back() >= 0)
      indices.push_back(-1);
  }
  return indices;
}

class Writer {
 public:
  explicit Writer(const Tensor& tensor) : tensor_(tensor), all_(tensor.elements() <= kFew) {
    visit(0, 0, [&](std::int64_t index) { width_ = std::max(width_, number(tensor_, index).size()); });
  }
  std::string text() { return write(0, 0); }

 private:
  std::int64_t stride(int axis) const { return tensor_.shape().strides()[static_cast<std::size_t>(axis)]; }
  template <class F>
  void visit(int axis, std::int64_t offset, const F& function) {
    if (axis == tensor_.shape().rank()) return function(offset);
    for (const std::int64_t i : shown(tensor_.shape()[axis], all_))
      if (i >= 0) visit(axis + 1, offset + i * stride(axis), function);
  }
  std::string write(int axis, std::int64_t offset) {
    const int rank = tensor_.shape().rank();
    if (axis == rank) return fmt::format("{:>{}}", number(tensor_, offset), width_);
    const bool last = axis + 1 == rank;
    const std::string separator = last ? ", " : "," + std::string(static_cast<std::size_t>(std::max(1, rank - axis - 1)), '\n');
    std::string text;
    for (const std::int64_t i : shown(tensor_.shape()[axis], all_)) {
      if (!text.empty()) text += separator + (last ? "" : std::string(static_cast<std::size_t>(axis) + 1, ' '));
      text += i < 0 ? "..." : write(axis + 1, offset + i * stride(axis));
    }
    return "[" + text + "]";
  }

  const Tensor& tensor_;
  bool all_;
  std::size_t width_ = 0;
};

bool is_image(const Shape& shape, int axis) {
  if (shape.rank() != axis + 3) return false;
  const std::int64_t channels = shape[axis + 2];
  return shape[axis] >= kSmallestImage && shape[axis + 1] >= kSmallestImage && (channels == 1 || channels == 3);
}

// As uint8, if all values are those of pixels: [0, 1], or, where one of them is larger, [0, 255]. All images of a batch alike.
std::optional<Tensor> pixels_of(const Tensor& tensor) {
  if (tensor.dtype() == DType::kUInt8) return tensor;
  if (tensor.dtype() != DType::kFloat32 && tensor.dtype() != DType::kFloat64) return std::nullopt;
  Tensor values = tensor.dtype() == DType::kFloat32 ? tensor.clone() : tensor.cast(DType::kFloat32);
  const auto pixels = values.data<float>();
  float largest = 0;
  for (const float pixel : pixels) {
    if (!(pixel >= 0 && pixel <= 255)) return std::nullopt;
    largest = std::max(largest, pixel);
  }
  for (float& pixel : pixels) pixel = std::round(largest > 1 ? pixel : 255 * pixel);
  return values.cast(DType::kUInt8);
}

}  // namespace

MimeBundle mime_bundle(const Shape& shape) { return {{"text/plain", to_string(shape)}}; }

MimeBundle mime_bundle(const Tensor& tensor) {
  const std::string head = fmt::format("Tensor {} {}", to_string(tensor.shape()), name_of(tensor.dtype()));
  MimeBundle bundle = {{"text/plain", tensor.empty() ? head : head + "\n" + Writer(tensor).text()}};
  const Shape& shape = tensor.shape();
  if (tensor.empty() || !(is_image(shape, 0) || is_image(shape, 1))) return bundle;
  const bool is_batch = is_image(shape, 1);
  const std::optional<Tensor> pixels = pixels_of(is_batch ? tensor.rows(0, std::min(kMostImages, shape[0])) : tensor);
  if (!pixels) return bundle;
  bundle["image/png"] =
      encode_png(is_batch ? contact_sheet(Dataset::from_tensors(*pixels, Tensor()), {.count = kMostImages}) : *pixels);
  return bundle;
}

}  // namespace tutti
