// One function an op: adds the op's steps, or says why oneDNN cannot. Defined in ops_*.cpp.
#pragma once

#include "tutti/engines/onednn/lowering.h"

namespace tutti::onednn {

Refusal lower_op(Lowering&, const Node&, const op::Conv2D&);
Refusal lower_op(Lowering&, const Node&, const op::Conv2DInputGrad&);
Refusal lower_op(Lowering&, const Node&, const op::Conv2DKernelGrad&);
Refusal lower_op(Lowering&, const Node&, const op::MatMul&);

Refusal lower_op(Lowering&, const Node&, const op::MaxPool2D&);
Refusal lower_op(Lowering&, const Node&, const op::MaxPool2DGrad&);
Refusal lower_op(Lowering&, const Node&, const op::AveragePool2D&);
Refusal lower_op(Lowering&, const Node&, const op::AveragePool2DGrad&);
Refusal lower_op(Lowering&, const Node&, const op::Upsample2D&);
Refusal lower_op(Lowering&, const Node&, const op::Upsample2DGrad&);

Refusal lower_op(Lowering&, const Node&, const op::Activation&);
Refusal lower_op(Lowering&, const Node&, const op::ActivationGrad&);
Refusal lower_op(Lowering&, const Node&, const op::Unary&);
Refusal lower_op(Lowering&, const Node&, const op::Binary&);
Refusal lower_op(Lowering&, const Node&, const op::Affine&);
Refusal lower_op(Lowering&, const Node&, const op::Axpby&);
Refusal lower_op(Lowering&, const Node&, const op::Clip&);
Refusal lower_op(Lowering&, const Node&, const op::ClipByNorm&);
Refusal lower_op(Lowering&, const Node&, const op::Cast&);
Refusal lower_op(Lowering&, const Node&, const op::Fill&);

Refusal lower_op(Lowering&, const Node&, const op::Reduce&);
Refusal lower_op(Lowering&, const Node&, const op::Softmax&);
Refusal lower_op(Lowering&, const Node&, const op::SoftmaxGrad&);
Refusal lower_op(Lowering&, const Node&, const op::BatchNorm&);
Refusal lower_op(Lowering&, const Node&, const op::BatchNormGrad&);
Refusal lower_op(Lowering&, const Node&, const op::BatchNormInference&);
Refusal lower_op(Lowering&, const Node&, const op::BatchNormInferenceGrad&);
Refusal lower_op(Lowering&, const Node&, const op::LayerNorm&);
Refusal lower_op(Lowering&, const Node&, const op::LayerNormGrad&);

Refusal lower_op(Lowering&, const Node&, const op::Dropout&);
Refusal lower_op(Lowering&, const Node&, const op::DropoutGrad&);

Refusal lower_op(Lowering&, const Node&, const op::Pad&);
Refusal lower_op(Lowering&, const Node&, const op::Slice&);
Refusal lower_op(Lowering&, const Node&, const op::Concat&);
Refusal lower_op(Lowering&, const Node&, const op::Reshape&);
Refusal lower_op(Lowering&, const Node&, const op::Transpose&);

Refusal lower_op(Lowering&, const Node&, const op::SgdUpdate&);
Refusal lower_op(Lowering&, const Node&, const op::AdamUpdate&);
Refusal lower_op(Lowering&, const Node&, const op::NadamUpdate&);
Refusal lower_op(Lowering&, const Node&, const op::NadamProduct&);
Refusal lower_op(Lowering&, const Node&, const op::RmspropUpdate&);
Refusal lower_op(Lowering&, const Node&, const op::AdagradUpdate&);
Refusal lower_op(Lowering&, const Node&, const op::Increment&);

Refusal lower_op(Lowering&, const Node&, const op::Loss&);
Refusal lower_op(Lowering&, const Node&, const op::LossGrad&);

}  // namespace tutti::onednn
