// Activity regularisation.
#pragma once

#include "tutti/nn/layer.h"

namespace tutti {

// Adds (l1 * sum |y| + l2 * sum y^2) / n to the loss, with n the batch size: as Keras 3 and TensorFlow's Keras 2. Keras 2.0 to
// 2.3 did not divide.
void add_activity_penalty(LayerContext& context, ValueId y, const Regularizer& regularizer);

}  // namespace tutti
