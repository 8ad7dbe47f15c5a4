#include "tutti/data/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/ranges.h>

#include "tutti/base/error.h"

namespace tutti {
namespace {

using Parameters = AugmentationParameters;
using Scratch = std::vector<float>;

float between(const Philox& random, std::uint64_t index, double low, double high) {
  return static_cast<float>(low + (high - low) * static_cast<double>(random.uniform(index)));
}

// A copy of the image's values in `scratch`, for those that write the image from its old self.
const float* saved(const ImageView& image, Scratch& scratch) {
  scratch.assign(image.data, image.data + image.elements());
  return scratch.data();
}

// image(y, x) = source(m[0] y + m[1] x + m[2], m[3] y + m[4] x + m[5]), bilinear; outside the source is `fill`.
void resample(ImageView image, const float* source, const std::array<float, 6>& m, float fill) {
  const auto pixel = [&](std::int64_t y, std::int64_t x, std::int64_t c) {
    return y < 0 || y >= image.h || x < 0 || x >= image.w ? fill : source[(y * image.w + x) * image.c + c];
  };
  float* to = image.data;
  for (std::int64_t y = 0; y < image.h; ++y) {
    for (std::int64_t x = 0; x < image.w; ++x) {
      const auto fy = static_cast<float>(y), fx = static_cast<float>(x);
      const float source_y = m[0] * fy + m[1] * fx + m[2], source_x = m[3] * fy + m[4] * fx + m[5];
      const float floor_y = std::floor(source_y), floor_x = std::floor(source_x);
      const float part_y = source_y - floor_y, part_x = source_x - floor_x;
      const auto y0 = static_cast<std::int64_t>(floor_y), x0 = static_cast<std::int64_t>(floor_x);
      for (std::int64_t c = 0; c < image.c; ++c) {
        const float top = pixel(y0, x0, c) * (1 - part_x) + pixel(y0, x0 + 1, c) * part_x;
        const float bottom = pixel(y0 + 1, x0, c) * (1 - part_x) + pixel(y0 + 1, x0 + 1, c) * part_x;
        *to++ = top * (1 - part_y) + bottom * part_y;
      }
    }
  }
}

class RandomFlip : public Augmentation::Kernel {
 public:
  explicit RandomFlip(const Parameters& p) : probability_(static_cast<float>(p.at("probability"))) {}
  void apply(ImageView image, const Philox& random, Scratch&) const override {
    if (random.uniform(0) >= probability_) return;
    for (std::int64_t y = 0; y < image.h; ++y) {
      float* left = image.data + y * image.w * image.c;
      float* right = left + (image.w - 1) * image.c;
      for (; left < right; left += image.c, right -= image.c) std::swap_ranges(left, left + image.c, right);
    }
  }

 private:
  float probability_;
};

class RandomCrop : public Augmentation::Kernel {
 public:
  explicit RandomCrop(const Parameters& p)
      : padding_(static_cast<std::int64_t>(p.at("padding"))), fill_(static_cast<float>(p.at("fill"))) {}
  void apply(ImageView image, const Philox& random, Scratch& scratch) const override {
    const float* source = saved(image, scratch);
    const auto places = static_cast<std::uint32_t>(2 * padding_ + 1);
    const std::int64_t down = static_cast<std::int64_t>(random.below(0, places)) - padding_;
    const std::int64_t right = static_cast<std::int64_t>(random.below(1, places)) - padding_;
    std::fill(image.data, image.data + image.elements(), fill_);
    // image(y, x) = source(y + down, x + right)
    const std::int64_t x_begin = std::max<std::int64_t>(0, -right), x_end = std::min(image.w, image.w - right);
    for (std::int64_t y = std::max<std::int64_t>(0, -down); y < std::min(image.h, image.h - down) && x_begin < x_end; ++y) {
      const float* from = source + ((y + down) * image.w + x_begin + right) * image.c;
      std::copy(from, from + (x_end - x_begin) * image.c, image.data + (y * image.w + x_begin) * image.c);
    }
  }

 private:
  std::int64_t padding_;
  float fill_;
};

class RandomTranslation : public Augmentation::Kernel {
 public:
  explicit RandomTranslation(const Parameters& p)
      : height_(p.at("height")), width_(p.at("width")), fill_(static_cast<float>(p.at("fill"))) {}
  void apply(ImageView image, const Philox& random, Scratch& scratch) const override {
    const float down = between(random, 0, -height_, height_) * static_cast<float>(image.h);
    const float right = between(random, 1, -width_, width_) * static_cast<float>(image.w);
    resample(image, saved(image, scratch), {1, 0, -down, 0, 1, -right}, fill_);
  }

 private:
  double height_, width_;
  float fill_;
};

class RandomRotation : public Augmentation::Kernel {
 public:
  explicit RandomRotation(const Parameters& p) : degrees_(p.at("degrees")), fill_(static_cast<float>(p.at("fill"))) {}
  void apply(ImageView image, const Philox& random, Scratch& scratch) const override {
    const float angle = between(random, 0, -degrees_, degrees_) * static_cast<float>(std::numbers::pi / 180);
    const float cosine = std::cos(angle), sine = std::sin(angle);
    const float cy = static_cast<float>(image.h - 1) / 2, cx = static_cast<float>(image.w - 1) / 2;
    resample(image, saved(image, scratch),
             {cosine, -sine, cy - cosine * cy + sine * cx, sine, cosine, cx - sine * cy - cosine * cx}, fill_);
  }

 private:
  double degrees_;
  float fill_;
};

class Brightness : public Augmentation::Kernel {
 public:
  explicit Brightness(const Parameters& p) : factor_(p.at("factor")), maximum_(static_cast<float>(p.at("maximum"))) {}
  void apply(ImageView image, const Philox& random, Scratch&) const override {
    const float add = between(random, 0, -factor_, factor_) * maximum_;
    for (std::int64_t i = 0; i < image.elements(); ++i) image.data[i] = std::clamp(image.data[i] + add, 0.f, maximum_);
  }

 private:
  double factor_;
  float maximum_;
};

class Contrast : public Augmentation::Kernel {
 public:
  explicit Contrast(const Parameters& p) : factor_(p.at("factor")), maximum_(static_cast<float>(p.at("maximum"))) {}
  void apply(ImageView image, const Philox& random, Scratch&) const override {
    double sum = 0;
    for (std::int64_t i = 0; i < image.elements(); ++i) sum += static_cast<double>(image.data[i]);
    const auto mean = static_cast<float>(sum / static_cast<double>(std::max<std::int64_t>(1, image.elements())));
    const float scale = between(random, 0, 1 - factor_, 1 + factor_);
    for (std::int64_t i = 0; i < image.elements(); ++i)
      image.data[i] = std::clamp((image.data[i] - mean) * scale + mean, 0.f, maximum_);
  }

 private:
  double factor_;
  float maximum_;
};

class Cutout : public Augmentation::Kernel {
 public:
  explicit Cutout(const Parameters& p)
      : size_(static_cast<std::int64_t>(p.at("size"))),
        probability_(static_cast<float>(p.at("probability"))),
        fill_(static_cast<float>(p.at("fill"))) {}
  void apply(ImageView image, const Philox& random, Scratch&) const override {
    if (random.uniform(0) >= probability_) return;
    const std::int64_t top = static_cast<std::int64_t>(random.below(1, static_cast<std::uint32_t>(image.h))) - size_ / 2;
    const std::int64_t left = static_cast<std::int64_t>(random.below(2, static_cast<std::uint32_t>(image.w))) - size_ / 2;
    const std::int64_t x_begin = std::max<std::int64_t>(0, left), x_end = std::min(image.w, left + size_);
    for (std::int64_t y = std::max<std::int64_t>(0, top); y < std::min(image.h, top + size_); ++y)
      std::fill(image.data + (y * image.w + x_begin) * image.c, image.data + (y * image.w + x_end) * image.c, fill_);
  }

 private:
  std::int64_t size_;
  float probability_, fill_;
};

struct ParameterRow {
  const char* name;
  double value, low, high;  // the default, and the range that is allowed
};
struct Row {
  const char* name;
  std::vector<ParameterRow> parameters;
  std::shared_ptr<const Augmentation::Kernel> (*make)(const Parameters&);
};

template <class Kernel>
std::shared_ptr<const Augmentation::Kernel> make(const Parameters& parameters) {
  return std::make_shared<Kernel>(parameters);
}

constexpr double kLarge = 1e6;
const ParameterRow kFill{"fill", 0, -kLarge, kLarge}, kMaximum{"maximum", 255, 0, kLarge};

const std::vector<Row>& table() {
  static const std::vector<Row> rows = {
      {"random_flip", {{"probability", 0.5, 0, 1}}, make<RandomFlip>},
      {"random_crop", {{"padding", 4, 0, 4096}, kFill}, make<RandomCrop>},
      {"random_translation", {{"height", 0.1, 0, 1}, {"width", 0.1, 0, 1}, kFill}, make<RandomTranslation>},
      {"random_rotation", {{"degrees", 15, 0, 180}, kFill}, make<RandomRotation>},
      {"brightness", {{"factor", 0.2, 0, 1}, kMaximum}, make<Brightness>},
      {"contrast", {{"factor", 0.2, 0, 1}, kMaximum}, make<Contrast>},
      {"cutout", {{"size", 8, 0, 4096}, {"probability", 1, 0, 1}, kFill}, make<Cutout>},
  };
  return rows;
}

Parameters complete(const Row& row, const Parameters& given) {
  Parameters parameters;
  for (const ParameterRow& known : row.parameters) parameters[known.name] = known.value;
  for (const auto& [name, value] : given) {
    const auto known = std::find_if(row.parameters.begin(), row.parameters.end(),
                                    [&name = name](const ParameterRow& candidate) { return candidate.name == name; });
    if (known == row.parameters.end()) {
      std::vector<std::string> names;
      for (const ParameterRow& candidate : row.parameters) names.emplace_back(candidate.name);
      fail(row.name, "unknown parameter. Expected {}. Got {}.", fmt::join(names, ", "), name);
    }
    // Written so that NaN fails too.
    if (!(value >= known->low && value <= known->high))
      fail(row.name, "{} is out of range. Expected {} to {}. Got {}.", name, known->low, known->high, value);
    parameters[name] = value;
  }
  return parameters;
}

}  // namespace

Augmentation make_augmentation(std::string_view name, const Parameters& parameters) {
  for (const Row& row : table()) {
    if (row.name != name) continue;
    Parameters all = complete(row, parameters);
    auto kernel = row.make(all);
    return Augmentation(row.name, std::move(all), std::move(kernel));
  }
  fail("augmentation", "unknown augmentation. Expected {}. Got {}.", fmt::join(augmentation_names(), ", "), name);
}

std::vector<std::string> augmentation_names() {
  std::vector<std::string> names;
  for (const Row& row : table()) names.emplace_back(row.name);
  return names;
}

void augment(const Augmentations& augmentations, ImageView image, AugmentationKey key, Scratch& scratch) {
  if (image.elements() == 0) return;
  std::uint32_t place = 0;
  for (const Augmentation& augmentation : augmentations) {
    const Philox random(key.seed, stream_of("augmentation") + place++, (key.epoch << 32) + key.index);
    augmentation.kernel().apply(image, random, scratch);
  }
}

}  // namespace tutti
