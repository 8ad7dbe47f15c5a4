#include "tutti/engines/onednn/descriptors.h"

#include <cassert>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "tutti/base/parallel.h"

namespace tutti::onednn {

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

#ifdef _OPENMP
ThreadScope::ThreadScope() : before_(omp_get_max_threads()) { omp_set_num_threads(num_threads()); }
ThreadScope::~ThreadScope() { omp_set_num_threads(before_); }
#else
ThreadScope::ThreadScope() = default;
ThreadScope::~ThreadScope() = default;
#endif

bool has_data_type(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kInt32 || dtype == DType::kUInt8; }

dnnl::memory::data_type data_type(DType dtype) {
  using dnnl::memory;
  assert(has_data_type(dtype));
  if (dtype == DType::kInt32) return memory::data_type::s32;
  return dtype == DType::kUInt8 ? memory::data_type::u8 : memory::data_type::f32;
}

Dims logical_dims(const Shape& shape) {
  if (shape.rank() == 0) return {1};
  if (shape.rank() == 4) return {shape[0], shape[3], shape[1], shape[2]};
  return shape.extents();
}

int logical_axis(int rank, int axis) {
  static constexpr int kImageAxes[] = {0, 2, 3, 1};
  return rank == 4 ? kImageAxes[axis] : axis;
}

Desc plain_desc(const TensorType& type) {
  const Dims dims = logical_dims(type.shape);
  if (type.shape.rank() == 4) return {dims, data_type(type.dtype), Tag::nhwc};
  const Dims strides = type.shape.rank() == 0 ? Dims{1} : type.shape.strides();
  return {dims, data_type(type.dtype), strides};
}

Desc any_desc(const TensorType& type) { return {logical_dims(type.shape), data_type(type.dtype), Tag::any}; }

Desc row_major_desc(const Dims& dims) { return {dims, dnnl::memory::data_type::f32, Shape(dims).strides()}; }

namespace {

Dims kernel_dims(const Shape& shape, int groups) {
  if (groups == 1) return {shape[3], shape[2], shape[0], shape[1]};
  return {groups, shape[3] / groups, shape[2], shape[0], shape[1]};
}

}  // namespace

Desc kernel_view_desc(const Shape& shape, int groups) {
  const std::int64_t c_out = shape[3], per_column = shape[2] * c_out, per_row = shape[1] * per_column;
  Dims strides{1, c_out, per_row, per_column};
  if (groups > 1) strides.insert(strides.begin(), c_out / groups);
  return {kernel_dims(shape, groups), dnnl::memory::data_type::f32, strides};
}

Desc kernel_any_desc(const Shape& shape, int groups) {
  return {kernel_dims(shape, groups), dnnl::memory::data_type::f32, Tag::any};
}

std::optional<ImageLayout> image_layout(const Desc& desc, const TensorType& type) {
  if (type.shape.rank() != 4) return std::nullopt;
  const Shape& s = type.shape;
  if (desc == plain_desc(type)) return ImageLayout{s[0], 1, s[1], s[2], s[3], Tag::nhwc};
  for (const auto& [tag, block] : {std::pair{Tag::nChw16c, 16}, std::pair{Tag::nChw8c, 8}}) {
    if (s[3] % block != 0) continue;
    const ImageLayout layout{s[0], s[3] / block, s[1], s[2], block, tag};
    if (desc == desc_of(layout, type)) return layout;
  }
  return std::nullopt;
}

Desc desc_of(const ImageLayout& layout, const TensorType& type) {
  return {logical_dims(type.shape), data_type(type.dtype), layout.tag};
}

dnnl::primitive_attr scratchpad_attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

}  // namespace tutti::onednn
