// oneDNN's descriptors for tutti's values, and one way to make primitive descriptors for oneDNN 2 and 3.
//
// Images, that is every rank-4 value (n, h, w, c), have the logical dimensions (n, c, h, w), as oneDNN wants them; their
// memory is channels last ("plain") or blocked by channels, (n, c / B, h, w, B). Other values are row-major.
#pragma once

#include <optional>

#include <oneapi/dnnl/dnnl.hpp>

#include "tutti/graph/graph.h"

namespace tutti::onednn {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;

const dnnl::engine& cpu_engine();

// While it lives, parallel regions of the calling thread, oneDNN's and ours, have tutti's num_threads() threads.
class ThreadScope {
 public:
  ThreadScope();
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_ = 0;
};

// True for the types that oneDNN knows: float32, int32, uint8. data_type() wants one of these.
bool has_data_type(DType dtype);
dnnl::memory::data_type data_type(DType dtype);

// Logical dimensions: (n, c, h, w) of an image, (1) of a scalar.
Dims logical_dims(const Shape& shape);
// The axis of logical_dims that holds axis `axis` of a value of this rank.
int logical_axis(int rank, int axis);

// Row-major memory.
Desc plain_desc(const TensorType& type);
// Whatever the primitive prefers.
Desc any_desc(const TensorType& type);
// Row-major memory seen as a matrix or vector of other dimensions.
Desc row_major_desc(const Dims& dims);
// A convolution's kernel (k_h, k_w, c_in / groups, c_out) in row-major memory, seen as (c_out, c_in / groups, k_h, k_w), with
// the groups in front if there are several.
Desc kernel_view_desc(const Shape& shape, int groups);
Desc kernel_any_desc(const Shape& shape, int groups);

// How an image lies in memory: (n, blocks, h, w, block), without padding. Plain is one block of all channels.
struct ImageLayout {
  std::int64_t n, blocks, h, w, block;
  Tag tag;
  std::int64_t channels() const { return blocks * block; }
  std::int64_t elements() const { return n * blocks * h * w * block; }
};
// nullopt for memory that our own loops do not know: other formats, channels padded to a whole block.
std::optional<ImageLayout> image_layout(const Desc& desc, const TensorType& type);
// The same layout for another type.
Desc desc_of(const ImageLayout& layout, const TensorType& type);

// Scratch memory comes from the plan.
dnnl::primitive_attr scratchpad_attributes();

// The descriptor of primitive P, for instance convolution_forward. Throws dnnl::error if oneDNN has none.
template <class P, class... Args>
typename P::primitive_desc describe(const dnnl::primitive_attr& attributes, const Args&... args) {
#if DNNL_VERSION_MAJOR >= 3
  return typename P::primitive_desc(cpu_engine(), args..., attributes);
#else
  return typename P::primitive_desc(typename P::desc(args...), attributes, cpu_engine());
#endif
}
// The same for a backward primitive, which wants its forward's descriptor.
template <class P, class Hint, class... Args>
typename P::primitive_desc describe_backward(const dnnl::primitive_attr& attributes, const Hint& forward, const Args&... args) {
#if DNNL_VERSION_MAJOR >= 3
  return typename P::primitive_desc(cpu_engine(), args..., forward, attributes);
#else
  return typename P::primitive_desc(typename P::desc(args...), attributes, cpu_engine(), forward);
#endif
}

}  // namespace tutti::onednn
