#include "tutti/engines/native/fused_dense.h"

#include "tutti/engines/native/gemm.h"

namespace tutti::native {
namespace {

// Floats of the gradient that a thread makes at a time: 128 KiB stay in its L2 cache until they are used.
constexpr std::int64_t kBlock = 32768;

}  // namespace

std::unique_ptr<Kernel> make_dense_adam(const OpCall& matmul, const AdamUpdate& op) {
  const std::int64_t m = matmul.inputs[0].shape[0], k = matmul.outputs[0].shape[0], n = matmul.outputs[0].shape[1];
  Prepared prepared = ready(kMatrixProduct, [=](Inputs in, Outputs out) {
    const AdamStep step = adam_step(op, *in[3].as<float>(), *in[4].as<std::int64_t>());
    const std::int64_t block = std::max<std::int64_t>(1, kBlock / n);
    parallel_for(0, ceil_div(k, block), ceil_div(kStreamGrain, block * n), [&](std::int64_t begin, std::int64_t end) {
      float* gradient = thread_scratch(Scratch::kImage, block * n);
      for (std::int64_t row = begin * block; row < std::min(k, end * block); row += block) {
        const std::int64_t rows = std::min(block, k - row), at = row * n;
        gemm_on_this_thread({.m = rows,
                             .n = n,
                             .k = m,
                             .a = in[0].as<float>() + row,
                             .lda = k,
                             .transpose_a = true,
                             .b = in[1].as<float>(),
                             .ldb = n,
                             .transpose_b = false,
                             .bias = nullptr,
                             .c = gradient,
                             .ldc = n});
        optimizer_isa().adam(step, {in[2].as<float>() + at, out[0].as<float>() + at}, gradient,
                             {in[5].as<float>() + at, out[1].as<float>() + at},
                             {in[6].as<float>() + at, out[2].as<float>() + at}, rows * n);
      }
    });
  });
  return std::move(prepared.kernel);
}

}  // namespace tutti::native
