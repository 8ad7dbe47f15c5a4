// Temperature scaling: predictions as sure as they are right. C. Guo et al., "On Calibration of Modern Neural Networks", ICML
// 2017.
#pragma once

#include "tutti/tensor/tensor.h"

namespace tutti {

// p^(1/temperature), each row normalised to sum 1: above 1 the predictions become less sure, below 1 surer; the likeliest class
// stays. probabilities float32 (n, classes). Error if temperature is not positive.
Tensor scale_temperature(const Tensor& probabilities, double temperature);

// The temperature between 1/20 and 20 with the lowest log loss. The log loss is convex in 1/temperature, so its slope has one
// zero, found by bisection. labels int32 (n,). 1 if there are no samples.
double fit_temperature(const Tensor& probabilities, const Tensor& labels);

}  // namespace tutti
