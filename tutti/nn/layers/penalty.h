// Activity regularisation.
#pragma once

#include "tutti/nn/layer.h"

namespace tutti {

// Adds (l1 * sum |y| + l2 * sum y^2) / n to the loss, with n the batch size: as Keras from 3.14 on and TensorFlow's Keras 2.
// The others do not divide.
void add_activity_penalty(LayerContext& context, ValueId y, const Regularizer& regularizer);

}  // namespace tutti
