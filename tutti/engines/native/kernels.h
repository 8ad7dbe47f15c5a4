// What the files of the native engine share: how a kernel is made, refused and split over threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "tutti/base/parallel.h"
#include "tutti/engine/engine.h"
#include "tutti/tensor/tensor.h"

namespace tutti::native {

using namespace op;

using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;

// A kernel from a function run(Inputs, Outputs) that holds all that was chosen when it was prepared; `algorithm`: a literal. A
// function run(Inputs, Outputs, bool) is also told whether constant inputs may have changed since its last run.
template <class Run>
Prepared ready(std::string_view algorithm, Run run) {
  class FunctionKernel final : public Kernel {
   public:
    FunctionKernel(std::string_view name, Run function) : algorithm_(name), run_(std::move(function)) {}
    void run(Inputs in, Outputs out) override {
      if constexpr (std::is_invocable_v<Run&, Inputs, Outputs, bool>) {
        run_(in, out, changed_);
        changed_ = false;
      } else {
        run_(in, out);
      }
    }
    void refresh() override { changed_ = true; }
    std::string_view algorithm() const override { return algorithm_; }

   private:
    std::string_view algorithm_;
    Run run_;
    bool changed_ = true;
  };
  return {std::make_unique<FunctionKernel>(algorithm, std::move(run)), ""};
}

template <class Run>
Prepared ready(Run run) {
  return ready(std::string_view(), std::move(run));
}

// Names of Kernel::algorithm().
inline constexpr std::string_view kDirect = "direct", kMatrixProduct = "GEMM", kDepthwise = "depthwise",
                                  kWinograd4 = "Winograd F(4x4, 3x3)";

inline Prepared refuse(std::string reason) { return {nullptr, std::move(reason)}; }

// Elements that a thread should have at least: waking one costs a few microseconds, in which a core streams some ten
// thousand floats.
inline constexpr std::int64_t kStreamGrain = 16384;

// The threads' share [first, last) of part `part` out of `parts` when `count` items are split evenly.
inline std::pair<std::int64_t, std::int64_t> share(std::int64_t count, std::int64_t part, std::int64_t parts) {
  return {count * part / parts, count * (part + 1) / parts};
}

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// body(begin, end) on all threads for elements of which each costs little more than its way through the cache.
template <class Body>
void stream(std::int64_t count, const Body& body) {
  parallel_for(0, count, kStreamGrain, body);
}

// All extents but the last, flattened.
inline std::int64_t rows_of(const Shape& shape) {
  std::int64_t rows = 1;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) rows *= shape[axis];
  return rows;
}

// Memory of this thread, 64-byte aligned, that survives from run to run so that a training step allocates nothing. A slot is
// valid until the thread asks for the same one again.
enum class Scratch { kImage, kPanels, kRows, kTransformed, kTransformedGrad, kProducts, kWeights, kTurned, kPartials, kCount };
float* thread_scratch(Scratch slot, std::int64_t floats);

// What a kernel makes of its weights: kept from run to run where they are constant, else in the scratch memory that all kernels
// of this thread share.
class PreparedWeights {
 public:
  PreparedWeights(std::int64_t floats, bool is_constant);
  // Where they are: make(target) fills it if need be. `changed`: constants may have changed.
  template <class Make>
  const float* get(bool changed, const Make& make) {
    if (!is_constant_ || changed || !kept_.raw()) make(target());
    return target();
  }

 private:
  float* target();

  std::int64_t floats_;
  bool is_constant_;
  Tensor kept_;
};

// A 1 x 1 convolution that is a plain matrix product.
bool is_pointwise(const ConvAttributes& attributes, const Shape& kernel);

Prepared prepare_op(const OpCall& call, const Conv2D& op);
Prepared prepare_op(const OpCall& call, const Conv2DInputGrad& op);
Prepared prepare_op(const OpCall& call, const Conv2DKernelGrad& op);
Prepared prepare_op(const OpCall& call, const MatMul& op);
Prepared prepare_op(const OpCall& call, const MaxPool2D& op);
Prepared prepare_op(const OpCall& call, const MaxPool2DGrad& op);
Prepared prepare_op(const OpCall& call, const AveragePool2D& op);
Prepared prepare_op(const OpCall& call, const AveragePool2DGrad& op);
Prepared prepare_op(const OpCall& call, const Activation& op);
Prepared prepare_op(const OpCall& call, const ActivationGrad& op);
Prepared prepare_op(const OpCall& call, const Unary& op);
Prepared prepare_op(const OpCall& call, const Binary& op);
Prepared prepare_op(const OpCall& call, const Affine& op);
Prepared prepare_op(const OpCall& call, const Axpby& op);
Prepared prepare_op(const OpCall& call, const Clip& op);
Prepared prepare_op(const OpCall& call, const ClipByNorm& op);
Prepared prepare_op(const OpCall& call, const Cast& op);
Prepared prepare_op(const OpCall& call, const Fill& op);
Prepared prepare_op(const OpCall& call, const Reduce& op);
Prepared prepare_op(const OpCall& call, const Softmax& op);
Prepared prepare_op(const OpCall& call, const SoftmaxGrad& op);
Prepared prepare_op(const OpCall& call, const BatchNorm& op);
Prepared prepare_op(const OpCall& call, const BatchNormGrad& op);
Prepared prepare_op(const OpCall& call, const BatchNormInference& op);
Prepared prepare_op(const OpCall& call, const BatchNormInferenceGrad& op);
Prepared prepare_op(const OpCall& call, const LayerNorm& op);
Prepared prepare_op(const OpCall& call, const LayerNormGrad& op);
Prepared prepare_op(const OpCall& call, const Dropout& op);
Prepared prepare_op(const OpCall& call, const DropoutGrad& op);
Prepared prepare_op(const OpCall& call, const Pad& op);
Prepared prepare_op(const OpCall& call, const Slice& op);
Prepared prepare_op(const OpCall& call, const Concat& op);
Prepared prepare_op(const OpCall& call, const Upsample2D& op);
Prepared prepare_op(const OpCall& call, const Upsample2DGrad& op);
Prepared prepare_op(const OpCall& call, const Reshape& op);
Prepared prepare_op(const OpCall& call, const Transpose& op);
Prepared prepare_op(const OpCall& call, const Loss& op);
Prepared prepare_op(const OpCall& call, const LossGrad& op);
Prepared prepare_op(const OpCall& call, const SgdUpdate& op);
Prepared prepare_op(const OpCall& call, const AdamUpdate& op);
Prepared prepare_op(const OpCall& call, const NadamUpdate& op);
Prepared prepare_op(const OpCall& call, const NadamProduct& op);
Prepared prepare_op(const OpCall& call, const RmspropUpdate& op);
Prepared prepare_op(const OpCall& call, const AdagradUpdate& op);
Prepared prepare_op(const OpCall& call, const Increment& op);

// Depthwise convolutions with one output channel for each input channel: conv.cpp passes them on.
bool is_depthwise(const ConvAttributes& attributes, const Shape& kernel);
Prepared prepare_depthwise(const OpCall& call, const Conv2D& op);
Prepared prepare_depthwise(const OpCall& call, const Conv2DInputGrad& op);
Prepared prepare_depthwise(const OpCall& call, const Conv2DKernelGrad& op);

}  // namespace tutti::native
