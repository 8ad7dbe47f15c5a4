// The gradient of a dense layer's weights together with their update: it goes from registers through the L2 cache into the
// weights and never to memory. A dense layer has most weights of a convolutional network, and its update is bound by memory.
#pragma once

#include <memory>

#include "tutti/engines/native/isa/optimizer.h"
#include "tutti/engines/native/kernels.h"

namespace tutti::native {

// matmul: g (k, n) = a^T b, transpose_a and no bias.   in: a (m, k), b (m, n), w (k, n), lr, step, m, v   out: w, m, v; may run
// in place
std::unique_ptr<Kernel> make_dense_adam(const OpCall& matmul, const AdamUpdate& op);

// optimizer.cpp: the scalars of an update.
AdamStep adam_step(const AdamUpdate& op, double lr, std::int64_t step);

}  // namespace tutti::native
