// What a member costs, found out without training it.
#pragma once

#include <cstdint>

#include "tutti/experiment/plan.h"

namespace tutti {

struct MemberCost {
  std::int64_t parameters = 0;
  double flops = 0.0;  // of one training step, an image
  // Measured on a few steps with random data, by this process and its threads.
  double images_per_second = 0.0;
  std::int64_t peak_memory = 0;  // bytes resident; the data set is not in it
};

// Builds the member's model and trains it for about `seconds`, at least one step, on random images. Error for a member that
// tutti does not train, and where its engine or device is not available.
MemberCost measure_cost(const Member& member, double seconds = 1.0);

}  // namespace tutti
