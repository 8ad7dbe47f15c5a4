// Vectorised activations.
#pragma once

#include <cstdint>

#include "tutti/graph/op.h"

namespace tutti::native {

// y[i] = f(x[i]); y may be x.
using MapFunction = void (*)(const float* x, float* y, std::int64_t count, float alpha);
// dx[i] = dy[i] * f'(saved[i]); dx may be dy.
using MapGradFunction = void (*)(const float* dy, const float* saved, float* dx, std::int64_t count, float alpha);

// Of the best instruction set of this processor.
MapFunction activation_function(op::ActivationKind kind);
MapGradFunction activation_grad_function(op::ActivationKind kind);

}  // namespace tutti::native
