// Convolutions of 3 x 3 windows at stride 1 by Winograd's algorithm F(4 x 4, 3 x 3): a quarter of the multiplications of the
// direct sum, at the price of rounding errors two to seven times as large (docs/performance.md has figures).
#pragma once

#include <vector>

#include "tutti/engines/native/kernels.h"
#include "tutti/tensor/tensor.h"

namespace tutti::native {

// False: $TUTTI_NATIVE_PRECISION is "strict", and every convolution is a direct sum.
bool winograd_allowed();
// True if this convolution can be computed here, and may. kernel (k_h, k_w, c_in / groups, c_out).
bool winograd_fits(const ConvAttributes& attributes, const Shape& kernel);
// True if it is then likely to be faster than the direct sum. y (n, o_h, o_w, c): its output, or dx of an input's gradient, or
// dy of a kernel's. Depends on nothing else, so the choice is always the same.
bool winograd_pays(const Shape& kernel, const Shape& y);

// y(i, j) = sum over the window's cells (r, s) of x(i + r - top, j + s - left) * kernel(r, s), zeros outside x.
struct WinogradShape {
  std::int64_t n;
  std::int64_t h, w, c_in;       // of x
  std::int64_t o_h, o_w, c_out;  // of y, or of its part that is computed (convolution) or not zero (gradient)
  std::int64_t top, left;
  std::int64_t y_h = o_h, y_w = o_w;  // of y in memory

  std::int64_t tiles_h() const { return ceil_div(o_h, 4); }
  std::int64_t tiles_w() const { return ceil_div(o_w, 4); }
  std::int64_t tiles() const { return n * tiles_h() * tiles_w(); }
};
// Of a convolution of x (n, h, w, c_in) to y (n, o_h, o_w, c_out), and of the gradient of its input as a convolution of dy.
WinogradShape winograd_shape(const ConvAttributes& attributes, const Shape& x, const Shape& y);
WinogradShape winograd_input_grad_shape(const ConvAttributes& attributes, const Shape& dx, const Shape& dy);

// What happens to an output before it is stored.
struct WinogradEpilogue {
  const float* bias = nullptr;  // (c_out)
  bool relu = false;
  const float* gate = nullptr;  // laid out as y: y = 0 where it is not above 0
};

// y = dropout(max_pool(relu(y + bias))), windows of 2 x 2 at stride 2.
struct WinogradPooling {
  const float* bias = nullptr;   // (c_out)
  std::uint8_t* code = nullptr;  // (n, o_h / 2, o_w / 2, c_out), or null: see isa/winograd.h
  bool drops = false;            // code holds dropout's mask
  float scale = 1;               // of what dropout keeps
};

// The gradient of run_pooled()'s y: of what stands behind it (n, h, w, c), with the codes that it left.
struct WinogradPooledGrad {
  std::int64_t h, w;
  float scale = 1;
  const float* dy = nullptr;
  const std::uint8_t* code = nullptr;
};

class WinogradConv {
 public:
  // has_constant_kernel: it is transformed only when set_kernel() is told that it has changed.
  WinogradConv(const WinogradShape& shape, bool has_constant_kernel);
  // Before each run, on its thread. kernel (3, 3, c_in, c_out); or, if transposed, the kernel (3, 3, c_out, c_in) of the
  // convolution whose gradient this is.
  void set_kernel(const float* kernel, bool transposed, bool changed);
  void run(const float* x, float* y, const WinogradEpilogue& epilogue);
  // x: the gradient before the pooling (n, shape.h, shape.w, c_in). Of a shape with top and left both even or both odd.
  void run(const WinogradPooledGrad& x, float* y, const WinogradEpilogue& epilogue);
  // y (n, o_h / 2, o_w / 2, c_out); o_h and o_w are even.
  void run_pooled(const float* x, float* y, const WinogradPooling& pooling);

 private:
  // Transformed outputs m of tiles [begin, end) of all images, in this thread's scratch.
  struct Block {
    std::int64_t begin, end;
    const float* m;
  };

  void transform_kernel(const float* kernel, float* transformed) const;
  // transform(tile, v, stride) writes B^T d B of a tile of x.
  template <class Transform, class Store>
  void for_each_block(const Transform& transform, const Store& store);
  template <class Transform>
  Block make_block(std::int64_t begin, std::int64_t end, const Transform& transform);
  auto transform_of(const float* x) const;
  void store(const Block& block, float* y, const WinogradEpilogue& epilogue) const;
  void store_pooled(const Block& block, float* y, const WinogradPooling& pooling) const;
  void multiply(std::int64_t tiles, const float* v, float* m) const;

  WinogradShape shape_;
  std::int64_t c_out_padded_;   // to whole vectors
  std::int64_t kernel_stride_;  // floats from one point of the kernel to the next
  PreparedWeights transformed_;
  const float* kernel_ = nullptr;  // where they are: [point][panel][c_in][panel width]
  Tensor zeros_;                   // a pixel outside the image
};

// The gradient of the kernel, summed in an order that depends on the shape alone.
class WinogradKernelGrad {
 public:
  explicit WinogradKernelGrad(const WinogradShape& shape);
  // dkernel (3, 3, c_in, c_out), and dbias (c_out) unless it is null.
  void run(const float* x, const float* dy, float* dkernel, float* dbias);
  // dy: the gradient before the pooling (n, o_h, o_w, c_out).
  void run(const float* x, const WinogradPooledGrad& dy, float* dkernel, float* dbias);

 private:
  // transform_dy(tile, v, stride, sums) writes A dy A^T of a tile and adds the sum of its pixels to `sums`.
  template <class TransformDy>
  void run_parts(const float* x, const TransformDy& transform_dy, float* dkernel, float* dbias);
  template <class TransformDy>
  void run_part(std::int64_t part, const float* x, const TransformDy& transform_dy);
  // Adds the products of tiles [begin, end) to the transformed gradient `products`, or sets it if `first`.
  template <class TransformDy>
  void add_block(std::int64_t begin, std::int64_t end, const float* x, const TransformDy& transform_dy, bool first,
                 float* products, float* bias_sums);
  void multiply(std::int64_t chunks, const float* x_tiles, const float* dy_tiles, bool first, float* products) const;
  void add_parts(float* dkernel, float* dbias) const;

  WinogradShape shape_;
  std::int64_t c_in_padded_, c_out_padded_;  // to whole vectors
  std::int64_t block_;                       // chunks of tiles
  std::int64_t parts_;
  float* partial_kernels_ = nullptr;  // (parts, 3, 3, c_in, c_out), during a run
  Tensor partial_biases_;             // (parts, c_out_padded)
  Tensor zeros_;
};

}  // namespace tutti::native
