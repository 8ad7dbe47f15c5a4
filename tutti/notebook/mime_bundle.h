// What a notebook shows of tutti's own types. A type of yours is shown by a function of this name in its namespace:
// MimeBundle mime_bundle(const Mine&).
#pragma once

#include "tutti/base/display.h"
#include "tutti/data/dataset.h"
#include "tutti/nn/confusion_matrix.h"
#include "tutti/nn/logs.h"
#include "tutti/nn/model.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

// Whoever has one of these has included its header; every cell of a notebook includes this one.
struct Diversity;
struct Ensemble;
struct McNemar;
struct RunResults;
struct Score;

// "(2, 3)"; a Shape would else become a Tensor of zeros.
MimeBundle mime_bundle(const Shape& shape);
// Shape, type and values, of large ones the first and last. An image too, if it is one: (h, w, 1|3), or the first 40 of
// (n, h, w, 1|3), at least 8 pixels high and wide, of uint8, or of float values in [0, 1] or else in [0, 255].
MimeBundle mime_bundle(const Tensor& tensor);
// Size, shapes and classes; of images the first 40 with their labels.
MimeBundle mime_bundle(const Dataset& data);
// Keras's summary, and a drawing of the layers.
MimeBundle mime_bundle(const Model& model);
// The last epoch, and the curves of the loss and of each metric, training and validation.
MimeBundle mime_bundle(const History& history);
// The matrix with the recall of each class; of more than 25 classes the most frequent confusions.
MimeBundle mime_bundle(const ConfusionMatrix& matrix);
// The members beside their ensemble, with 95 % intervals, and the verdict.
MimeBundle mime_bundle(const RunResults& results);
// The weight and the temperature of each member.
MimeBundle mime_bundle(const Ensemble& ensemble);
// The accuracy with its 95 % interval, log loss, Brier score and calibration error.
MimeBundle mime_bundle(const Score& score);
MimeBundle mime_bundle(const McNemar& test);
// Disagreement and, on the diagonal and below it, double faults.
MimeBundle mime_bundle(const Diversity& diversity);

}  // namespace tutti
