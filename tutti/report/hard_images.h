// The test images that most members get wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tutti/data/dataset.h"
#include "tutti/report/results.h"

namespace tutti {

struct HardImage {
  std::int64_t index = 0;  // in the test split
  std::int64_t wrong = 0;  // members that are
  double probability = 0;  // that the ensemble gives the true class
};

// The images that at least one member gets wrong, `count` at most: those that most members get wrong first, then those of
// whose true class the ensemble is least sure.
std::vector<HardImage> hardest_images(const RunResults& results, std::size_t count = 24);

// With the images, their true classes and all votes. One line instead if `test` is empty or has no images.
std::string hard_images_section(const RunResults& results, const Dataset& test);

}  // namespace tutti
