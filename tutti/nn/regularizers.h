// Penalties on weights: l1 * sum |w| + l2 * sum w^2.
#pragma once

#include "tutti/nn/json.h"

namespace tutti {

struct Regularizer {
  double l1 = 0.0, l2 = 0.0;
  bool empty() const { return l1 == 0.0 && l2 == 0.0; }
  // null, "l1", "l2", "l1_l2" (0.01 each, as Keras) or {"class_name", "config"} of Keras 1 to 3. Error for others.
  static Regularizer from_config(const Json& config);
  // null when empty.
  Json config() const;
};
inline Regularizer L1(double l1 = 0.01) { return {l1, 0.0}; }
inline Regularizer L2(double l2 = 0.01) { return {0.0, l2}; }
inline Regularizer L1L2(double l1 = 0.0, double l2 = 0.0) { return {l1, l2}; }

}  // namespace tutti
