// Every op of op.h in ATen calls. Values keep the shapes of the graph: images are (n, h, w, c), dense. Where ATen wants
// (n, c, h, w) it gets a permuted view, which is its channels_last memory format: no element moves.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tutti/graph/op.h"

namespace tutti {
using namespace op;

using AtTensors = std::vector<at::Tensor>;

// The inputs of one op, and which of them nobody reads later.
class Arguments {
 public:
  Arguments(AtTensors tensors, std::vector<bool> overwritable, at::Device target)
      : tensors_(std::move(tensors)), overwritable_(std::move(overwritable)), device_(target) {}

  std::size_t size() const { return tensors_.size(); }
  const at::Tensor& operator[](std::size_t i) const { return tensors_[i]; }
  // Input i may be used as the buffer of an output.
  bool overwritable(std::size_t i) const { return overwritable_[i]; }
  // A tensor of input i's value to write to: input i itself if it is overwritable, else a copy.
  at::Tensor writable(std::size_t i) const;
  // The device of values that no input decides.
  at::Device device() const { return device_; }

 private:
  AtTensors tensors_;
  std::vector<bool> overwritable_;
  at::Device device_;
};

at::ScalarType scalar_type_of(DType dtype);

// The outputs of `op`, which may be views of inputs. Tensors of rank 0 may lie on the CPU whatever the device is.
AtTensors evaluate_op(const Op& op, const Arguments& in);

// --- One function per op, by overload; evaluate_op() calls them. ------------------------------------------------

// ops_spatial.cpp
at::Tensor evaluate(const Conv2D& op, const Arguments& in);
at::Tensor evaluate(const Conv2DInputGrad& op, const Arguments& in);
at::Tensor evaluate(const Conv2DKernelGrad& op, const Arguments& in);
AtTensors evaluate(const MaxPool2D& op, const Arguments& in);
at::Tensor evaluate(const MaxPool2DGrad& op, const Arguments& in);
at::Tensor evaluate(const AveragePool2D& op, const Arguments& in);
at::Tensor evaluate(const AveragePool2DGrad& op, const Arguments& in);
at::Tensor evaluate(const Upsample2D& op, const Arguments& in);
at::Tensor evaluate(const Upsample2DGrad& op, const Arguments& in);

// ops.cpp
at::Tensor evaluate(const MatMul& op, const Arguments& in);
at::Tensor evaluate(const Activation& op, const Arguments& in);
at::Tensor evaluate(const ActivationGrad& op, const Arguments& in);
at::Tensor evaluate(const Unary& op, const Arguments& in);
at::Tensor evaluate(const Binary& op, const Arguments& in);
at::Tensor evaluate(const Affine& op, const Arguments& in);
at::Tensor evaluate(const Axpby& op, const Arguments& in);
at::Tensor evaluate(const Clip& op, const Arguments& in);
at::Tensor evaluate(const ClipByNorm& op, const Arguments& in);
at::Tensor evaluate(const Cast& op, const Arguments& in);
at::Tensor evaluate(const Fill& op, const Arguments& in);
at::Tensor evaluate(const Reduce& op, const Arguments& in);
at::Tensor evaluate(const Pad& op, const Arguments& in);
at::Tensor evaluate(const Slice& op, const Arguments& in);
at::Tensor evaluate(const Concat& op, const Arguments& in);
at::Tensor evaluate(const Reshape& op, const Arguments& in);
at::Tensor evaluate(const Transpose& op, const Arguments& in);

// ops_training.cpp
at::Tensor evaluate(const Softmax& op, const Arguments& in);
at::Tensor evaluate(const SoftmaxGrad& op, const Arguments& in);
AtTensors evaluate(const BatchNorm& op, const Arguments& in);
AtTensors evaluate(const BatchNormGrad& op, const Arguments& in);
at::Tensor evaluate(const BatchNormInference& op, const Arguments& in);
AtTensors evaluate(const BatchNormInferenceGrad& op, const Arguments& in);
AtTensors evaluate(const LayerNorm& op, const Arguments& in);
AtTensors evaluate(const LayerNormGrad& op, const Arguments& in);
AtTensors evaluate(const Dropout& op, const Arguments& in);
at::Tensor evaluate(const DropoutGrad& op, const Arguments& in);
at::Tensor evaluate(const Loss& op, const Arguments& in);
at::Tensor evaluate(const LossGrad& op, const Arguments& in);
AtTensors evaluate(const SgdUpdate& op, const Arguments& in);
AtTensors evaluate(const AdamUpdate& op, const Arguments& in);
AtTensors evaluate(const NadamUpdate& op, const Arguments& in);
at::Tensor evaluate(const NadamProduct& op, const Arguments& in);
AtTensors evaluate(const RmspropUpdate& op, const Arguments& in);
AtTensors evaluate(const AdagradUpdate& op, const Arguments& in);
at::Tensor evaluate(const Increment& op, const Arguments& in);

}  // namespace tutti
