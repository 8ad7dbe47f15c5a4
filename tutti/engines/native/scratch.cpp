#include "tutti/engines/native/kernels.h"
#include "tutti/tensor/tensor.h"

namespace tutti::native {

float* thread_scratch(Scratch slot, std::int64_t floats) {
  thread_local Tensor slots[static_cast<std::size_t>(Scratch::kCount)];
  // Transformed tiles are written to dozens of pages at once: a whole huge page, so that it is one.
  const bool transformed = slot == Scratch::kTransformed || slot == Scratch::kTransformedGrad || slot == Scratch::kProducts;
  const std::int64_t least = transformed ? (std::int64_t{1} << 21) / static_cast<std::int64_t>(sizeof(float)) : 0;
  Tensor& tensor = slots[static_cast<std::size_t>(slot)];
  if (tensor.elements() < floats) tensor = Tensor(Shape{std::max(floats, least)});
  return tensor.data<float>().data();
}

PreparedWeights::PreparedWeights(std::int64_t floats, bool is_constant) : floats_(floats), is_constant_(is_constant) {}

float* PreparedWeights::target() {
  if (!is_constant_) return thread_scratch(Scratch::kWeights, floats_);
  if (!kept_.raw()) kept_ = Tensor(Shape{floats_});
  return kept_.data<float>().data();
}

}  // namespace tutti::native
