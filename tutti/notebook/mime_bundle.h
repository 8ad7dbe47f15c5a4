// What a notebook shows of tutti's own types. A type of yours is shown by a function of this name in its namespace:
// MimeBundle mime_bundle(const Mine&).
#pragma once

#include "tutti/base/display.h"
#include "tutti/data/dataset.h"
#include "tutti/nn/logs.h"
#include "tutti/nn/model.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

// Shape, type and values, of large ones the first and last. An image too, if it is one: uint8 (h, w, 1|3), or up to 40 of them,
// uint8 (n, h, w, 1|3), at least 8 pixels high and wide.
MimeBundle mime_bundle(const Tensor& tensor);
// Size, shapes and classes; of images the first 40 with their labels.
MimeBundle mime_bundle(const Dataset& data);
// Keras's summary, and a drawing of the layers.
MimeBundle mime_bundle(const Model& model);
// The last epoch, and the curves of the loss and of each metric, training and validation.
MimeBundle mime_bundle(const History& history);

}  // namespace tutti
