// Augmentation: random changes of training images, drawn anew for each image and epoch.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/philox.h"

namespace tutti {

// One image (h, w, c), float32 in the units of the data set (pixels: 0 to 255), changed in place.
struct ImageView {
  float* data = nullptr;
  std::int64_t h = 0, w = 0, c = 0;
  std::int64_t elements() const { return h * w * c; }
};

// The parameters of an augmentation by name, as a spec writes them: {"factor", 0.1}.
using AugmentationParameters = std::map<std::string, double>;

// An augmentation made by make_augmentation(). A value; copies share the implementation.
class Augmentation {
 public:
  class Kernel {
   public:
    virtual ~Kernel() = default;
    // `random` is the stream of this image, epoch and place in the pipeline: draw words 0, 1, 2, ... of it. `scratch` is
    // working memory of the calling thread, of any size and content.
    virtual void apply(ImageView image, const Philox& random, std::vector<float>& scratch) const = 0;
  };
  Augmentation(std::string name, AugmentationParameters parameters, std::shared_ptr<const Kernel> kernel)
      : name_(std::move(name)), parameters_(std::move(parameters)), kernel_(std::move(kernel)) {}
  const std::string& name() const { return name_; }
  // Complete: defaults filled in.
  const AugmentationParameters& parameters() const { return parameters_; }
  const Kernel& kernel() const { return *kernel_; }

 private:
  std::string name_;
  AugmentationParameters parameters_;
  std::shared_ptr<const Kernel> kernel_;
};

using Augmentations = std::vector<Augmentation>;

// By name, with the defaults of the parameters that are left out. Error for an unknown name or parameter, or a value out
// of range; the message lists what there is.
//   random_flip         probability 0.5                         left to right
//   random_crop         padding 4, fill 0                       pad by `padding` on each side, cut the old size out at random
//   random_translation  height 0.1, width 0.1, fill 0           shift by up to this share of the height and width, bilinear
//   random_rotation     degrees 15, fill 0                      turn about the centre by up to +-degrees, bilinear
//   brightness          factor 0.2, maximum 255                 add uniform(-factor, factor) * maximum, clip to [0, maximum]
//   contrast            factor 0.2, maximum 255                 (v - mean) * uniform(1 - factor, 1 + factor) + mean, clip
//   cutout              size 8, probability 1, fill 0           fill a square centred anywhere (DeVries and Taylor 2017)
Augmentation make_augmentation(std::string_view name, const AugmentationParameters& parameters = {});
// The names above, in that order.
std::vector<std::string> augmentation_names();

// Applies all, in order, to the image of sample `index`; place p draws from
// Philox(seed, stream_of("augmentation") + p, epoch * 2^32 + index).
struct AugmentationKey {
  std::uint64_t seed = 0, epoch = 0, index = 0;
};
void augment(const Augmentations& augmentations, ImageView image, AugmentationKey key, std::vector<float>& scratch);

}  // namespace tutti
