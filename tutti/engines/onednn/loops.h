// Plain loops on all of oneDNN's threads, for what oneDNN has not or does otherwise than op.h says.
// The compiler vectorises them, once for each instruction set; the processor's is chosen at load time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "tutti/base/parallel.h"
#include "tutti/engines/onednn/descriptors.h"
#include "tutti/graph/op.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define TUTTI_ONEDNN_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define TUTTI_ONEDNN_CLONES
#endif

// Before a loop: no iteration reads what an earlier one wrote, but perhaps its own element.
#if defined(__clang__)
#define TUTTI_ONEDNN_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define TUTTI_ONEDNN_INDEPENDENT _Pragma("GCC ivdep")
#endif
// For what such a function calls, so that it is compiled with it.
#define TUTTI_ONEDNN_INLINE [[gnu::always_inline]] inline

namespace tutti::onednn {

// A thread's part of a loop over plain floats; below it the start of a parallel region costs more than it saves.
inline constexpr std::int64_t kGrain = 8192;

// As parallel_for, on OpenMP's threads where oneDNN uses those. `body` must not throw.
template <class Body>
void for_ranges(std::int64_t count, std::int64_t grain, const Body& body) {
  if (count <= 0) return;
#ifdef _OPENMP
  const std::int64_t parts = std::min<std::int64_t>(num_threads(), (count + grain - 1) / std::max<std::int64_t>(1, grain));
  if (parts <= 1) return body(0, count);
#pragma omp parallel for num_threads(static_cast <int>(parts)) schedule(static)
  for (std::int64_t part = 0; part < parts; ++part) body(count * part / parts, count * (part + 1) / parts);
#else
  parallel_for(0, count, grain, body);
#endif
}

// --- loops_pool.cpp

// y and argmax of MaxPool2D; all three lie in the layout of x, y and argmax with the output's height and width.
void max_pool(const op::PoolAttributes& pool, const ImageLayout& x_layout, const ImageLayout& y_layout, const float* x,
              float* y, std::int32_t* argmax);
void max_pool_grad(const op::PoolAttributes& pool, const ImageLayout& x_layout, const ImageLayout& y_layout, const float* dy,
                   const std::int32_t* argmax, float* dx);

// --- loops_dropout.cpp

// The mask of op::Dropout over `count` elements in row-major order.
void draw_mask(const op::Dropout& dropout, std::uint64_t step, std::int64_t count, std::uint8_t* mask);
// y and mask, which lie as x does; the mask has an element for each of x.
void dropout(const op::Dropout& dropout, std::uint64_t step, const ImageLayout& layout, const float* x, float* y,
             std::uint8_t* mask);
// y = x * scale where the mask is set, else 0. May run in place.
void apply_mask(std::int64_t count, double rate, const float* x, const std::uint8_t* mask, float* y);
// The same; the mask's strides over the four axes of x, (n, h, w, c) in row-major memory, are 0 where it is broadcast.
void apply_broadcast_mask(const std::array<std::int64_t, 4>& extents, const std::array<std::int64_t, 4>& mask_strides,
                          double rate, const float* x, const std::uint8_t* mask, float* y);

// --- loops_elementwise.cpp. All may run in place. Those on two or more arrays want them of one size and layout.

// True for the kinds that these loops have; oneDNN has the others.
bool has_loop(op::ActivationKind kind);
bool has_gradient_loop(op::ActivationKind kind);
void activate(const op::Activation& activation, std::int64_t count, const float* x, float* y);
// `saved`: y if gradient_uses_output(kind), else x.
void activation_grad(const op::ActivationGrad& activation, std::int64_t count, const float* dy, const float* saved, float* dx);
// All kinds but exp.
void unary(op::UnaryKind kind, std::int64_t count, const float* x, float* y);
void binary(op::BinaryKind kind, std::int64_t count, const float* a, const float* b, float* y);
void affine(float scale, float offset, std::int64_t count, const float* x, float* y);
void axpby(float alpha, float beta, std::int64_t count, const float* a, const float* b, float* y);
void clip(float low, float high, std::int64_t count, const float* x, float* y);
void pixels_to_float(std::int64_t count, const std::uint8_t* x, float* y);

// --- loops_reduce.cpp

// y (outer, inner): x (outer, reduced, inner) summed over its second axis; partial sums in double.
void reduce(op::ReduceKind kind, std::int64_t outer, std::int64_t reduced, std::int64_t inner, const float* x, float* y);

// Over the rows of a matrix (rows, c), with sums in double.
void log_softmax(std::int64_t rows, std::int64_t c, const float* x, float* y);
void softmax_grad(bool log, std::int64_t rows, std::int64_t c, const float* dy, const float* y, float* dx);

// --- loops_updates.cpp: the optimizers of op.h on `count` weights, in place or not.

struct Slots {
  const float* in;
  float* out;
};
void sgd_update(const op::SgdUpdate& op, std::int64_t count, float lr, const float* g, Slots w, Slots velocity);
void adam_update(const op::AdamUpdate& op, std::int64_t count, float lr, std::int64_t step, const float* g, Slots w, Slots m,
                 Slots v);
// u_product is the product up to the last step.
void nadam_update(const op::NadamUpdate& op, std::int64_t count, float lr, std::int64_t step, float u_product, const float* g,
                  Slots w, Slots m, Slots v);
float nadam_product(const op::NadamProduct& op, float u_product, std::int64_t step);
// momentum and mean are read and written only if the op has them.
void rmsprop_update(const op::RmspropUpdate& op, std::int64_t count, float lr, const float* g, Slots w, Slots v, Slots momentum,
                    Slots mean);
void adagrad_update(const op::AdagradUpdate& op, std::int64_t count, float lr, const float* g, Slots w, Slots accumulator);

}  // namespace tutti::onednn
