// One rule for each op: the types of its outputs, or an Error. Private to graph/; shapes.cpp calls the rules.
// `in` of a rule is the types of the op's inputs; each rule checks their number, types and shapes and the op's attributes.
#pragma once

#include <span>
#include <vector>

#include "tutti/graph/op.h"

namespace tutti::shape_rules {

using Types = std::vector<TensorType>;
using TypeSpan = std::span<const TensorType>;

// shapes_windows.cpp: convolution, matrix product, pooling, upsampling.
Types infer(const op::Conv2D& op, TypeSpan in);
Types infer(const op::Conv2DInputGrad& op, TypeSpan in);
Types infer(const op::Conv2DKernelGrad& op, TypeSpan in);
Types infer(const op::MatMul& op, TypeSpan in);
Types infer(const op::MaxPool2D& op, TypeSpan in);
Types infer(const op::MaxPool2DGrad& op, TypeSpan in);
Types infer(const op::AveragePool2D& op, TypeSpan in);
Types infer(const op::AveragePool2DGrad& op, TypeSpan in);
Types infer(const op::Upsample2D& op, TypeSpan in);
Types infer(const op::Upsample2DGrad& op, TypeSpan in);

// shapes_normalization.cpp: softmax, normalisation, dropout, losses.
Types infer(const op::Softmax& op, TypeSpan in);
Types infer(const op::SoftmaxGrad& op, TypeSpan in);
Types infer(const op::BatchNorm& op, TypeSpan in);
Types infer(const op::BatchNormGrad& op, TypeSpan in);
Types infer(const op::BatchNormInference& op, TypeSpan in);
Types infer(const op::BatchNormInferenceGrad& op, TypeSpan in);
Types infer(const op::LayerNorm& op, TypeSpan in);
Types infer(const op::LayerNormGrad& op, TypeSpan in);
Types infer(const op::Dropout& op, TypeSpan in);
Types infer(const op::DropoutGrad& op, TypeSpan in);
Types infer(const op::Loss& op, TypeSpan in);
Types infer(const op::LossGrad& op, TypeSpan in);

// shapes_elements.cpp: element by element, reductions, moving elements about.
Types infer(const op::Activation& op, TypeSpan in);
Types infer(const op::ActivationGrad& op, TypeSpan in);
Types infer(const op::Unary& op, TypeSpan in);
Types infer(const op::Binary& op, TypeSpan in);
Types infer(const op::Affine& op, TypeSpan in);
Types infer(const op::Axpby& op, TypeSpan in);
Types infer(const op::Clip& op, TypeSpan in);
Types infer(const op::ClipByNorm& op, TypeSpan in);
Types infer(const op::Cast& op, TypeSpan in);
Types infer(const op::Fill& op, TypeSpan in);
Types infer(const op::Reduce& op, TypeSpan in);
Types infer(const op::Pad& op, TypeSpan in);
Types infer(const op::Slice& op, TypeSpan in);
Types infer(const op::Concat& op, TypeSpan in);
Types infer(const op::Reshape& op, TypeSpan in);
Types infer(const op::Transpose& op, TypeSpan in);

// shapes_updates.cpp: optimizer updates.
Types infer(const op::SgdUpdate& op, TypeSpan in);
Types infer(const op::AdamUpdate& op, TypeSpan in);
Types infer(const op::NadamUpdate& op, TypeSpan in);
Types infer(const op::NadamProduct& op, TypeSpan in);
Types infer(const op::RmspropUpdate& op, TypeSpan in);
Types infer(const op::AdagradUpdate& op, TypeSpan in);
Types infer(const op::Increment& op, TypeSpan in);

}  // namespace tutti::shape_rules
