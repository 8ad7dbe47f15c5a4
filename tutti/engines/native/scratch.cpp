#include "tutti/engines/native/kernels.h"
#include "tutti/tensor/tensor.h"

namespace tutti::native {

float* thread_scratch(Scratch slot, std::int64_t floats) {
  thread_local Tensor slots[static_cast<std::size_t>(Scratch::kCount)];
  Tensor& tensor = slots[static_cast<std::size_t>(slot)];
  if (tensor.elements() < floats) tensor = Tensor(Shape{floats});
  return tensor.data<float>().data();
}

}  // namespace tutti::native
