#include "tutti/data/augment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tutti/base/error.h"

namespace tutti {
namespace {

using ::testing::ElementsAre;
using ::testing::Pointwise;

using Pixels = std::vector<float>;

// 1, 2, 3, ... so that 0 is only ever the fill.
Pixels ramp(std::int64_t count) {
  Pixels pixels(static_cast<std::size_t>(count));
  std::iota(pixels.begin(), pixels.end(), 1.f);
  return pixels;
}

Pixels apply(const char* name, const AugmentationParameters& parameters, Pixels pixels, ImageView size,
             std::uint64_t index = 0) {
  std::vector<float> scratch;
  size.data = pixels.data();
  augment({make_augmentation(name, parameters)}, size, {1, 0, index}, scratch);
  return pixels;
}

constexpr ImageView kImage{nullptr, 5, 4, 3};

TEST(Augment, FlipMirrorsWholePixels) {
  EXPECT_THAT(apply("random_flip", {{"probability", 1}}, ramp(6), {nullptr, 1, 3, 2}), ElementsAre(5, 6, 3, 4, 1, 2));
  EXPECT_EQ(apply("random_flip", {{"probability", 0}}, ramp(60), kImage), ramp(60));
  int flips = 0;
  for (std::uint64_t i = 0; i < 200; ++i) flips += apply("random_flip", {}, ramp(60), kImage, i) != ramp(60);
  EXPECT_NEAR(flips, 100, 35);
}

TEST(Augment, CropMovesByWholePixelsAndFills) {
  std::set<Pixels> seen;
  for (std::uint64_t i = 0; i < 300; ++i) seen.insert(apply("random_crop", {{"padding", 1}}, ramp(4), {nullptr, 2, 2, 1}, i));
  // Every one of the 3 x 3 places, and nothing else.
  EXPECT_EQ(seen.size(), 9u);
  EXPECT_TRUE(seen.contains(Pixels{1, 2, 3, 4}));
  EXPECT_TRUE(seen.contains(Pixels{0, 0, 0, 1}));
  EXPECT_TRUE(seen.contains(Pixels{4, 0, 0, 0}));
  // Padding larger than the image may leave nothing of it, and must not read outside.
  for (std::uint64_t i = 0; i < 50; ++i) apply("random_crop", {{"padding", 9}, {"fill", 7}}, ramp(60), kImage, i);
}

TEST(Augment, NothingToDoChangesNothing) {
  EXPECT_EQ(apply("random_translation", {{"height", 0}, {"width", 0}}, ramp(60), kImage), ramp(60));
  EXPECT_THAT(apply("random_rotation", {{"degrees", 0}}, ramp(60), kImage), Pointwise(::testing::FloatNear(1e-4f), ramp(60)));
  EXPECT_EQ(apply("brightness", {{"factor", 0}}, ramp(60), kImage), ramp(60));
  EXPECT_THAT(apply("contrast", {{"factor", 0}}, ramp(60), kImage), Pointwise(::testing::FloatNear(1e-4f), ramp(60)));
  EXPECT_EQ(apply("cutout", {{"size", 0}}, ramp(60), kImage), ramp(60));
}

TEST(Augment, TranslationInterpolates) {
  // A ramp moved sideways by s pixels is the ramp minus s, wherever no fill comes in.
  const Pixels moved = apply("random_translation", {{"height", 0}, {"width", 0.1}}, ramp(10), {nullptr, 1, 10, 1});
  const float shift = moved[5] - 6;
  EXPECT_NE(shift, 0);
  EXPECT_LE(std::abs(shift), 1.f);
  for (std::size_t i = 2; i < 8; ++i) EXPECT_NEAR(moved[i], static_cast<float>(i + 1) + shift, 1e-5);
}

TEST(Augment, RotationTurnsAboutTheCentre) {
  Pixels image(25, 0.f);
  image[12] = 9;  // the centre of 5 x 5 stays
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Pixels turned = apply("random_rotation", {{"degrees", 180}}, image, {nullptr, 5, 5, 1}, i);
    EXPECT_NEAR(turned[12], 9, 1e-3);
  }
  // What was above the centre is at the same distance from it afterwards.
  Pixels above(25, 0.f);
  above[7] = 1;
  const Pixels turned = apply("random_rotation", {{"degrees", 180}}, above, {nullptr, 5, 5, 1}, 3);
  double mass = 0, y = 0, x = 0;
  for (int i = 0; i < 25; ++i) {
    mass += static_cast<double>(turned[static_cast<std::size_t>(i)]);
    y += static_cast<double>(turned[static_cast<std::size_t>(i)]) * (i / 5 - 2);
    x += static_cast<double>(turned[static_cast<std::size_t>(i)]) * (i % 5 - 2);
  }
  EXPECT_NEAR(std::hypot(y / mass, x / mass), 1, 0.2);
}

TEST(Augment, BrightnessAndContrastStayInRange) {
  for (const char* name : {"brightness", "contrast"}) {
    std::set<Pixels> seen;
    for (std::uint64_t i = 0; i < 20; ++i) {
      const Pixels pixels = apply(name, {{"factor", 1}}, {0, 10, 128, 250, 255, 90}, {nullptr, 1, 2, 3}, i);
      for (const float value : pixels) EXPECT_TRUE(value >= 0 && value <= 255) << name;
      EXPECT_TRUE(std::is_sorted(pixels.begin(), pixels.begin() + 5)) << name;
      seen.insert(pixels);
    }
    EXPECT_GT(seen.size(), 10u) << name;
  }
}

TEST(Augment, CutoutFillsASquare) {
  for (std::uint64_t i = 0; i < 50; ++i) {
    const Pixels pixels = apply("cutout", {{"size", 2}, {"fill", -1}}, ramp(60), kImage, i);
    const auto filled = std::count(pixels.begin(), pixels.end(), -1.f);
    // 2 x 2 x 3, or what of it is inside the image.
    EXPECT_TRUE(filled == 12 || filled == 6 || filled == 3) << filled;
  }
}

TEST(Augment, IsKeyedBySeedEpochIndexAndPlace) {
  const auto run = [](AugmentationKey key) {
    Pixels pixels = ramp(60);
    std::vector<float> scratch;
    ImageView image = kImage;
    image.data = pixels.data();
    augment({make_augmentation("brightness"), make_augmentation("contrast")}, image, key, scratch);
    return pixels;
  };
  EXPECT_EQ(run({1, 2, 3}), run({1, 2, 3}));
  EXPECT_NE(run({1, 2, 3}), run({1, 2, 4}));
  EXPECT_NE(run({1, 2, 3}), run({1, 3, 3}));
  EXPECT_NE(run({1, 2, 3}), run({2, 2, 3}));
}

TEST(Augment, NamesAndParametersAreChecked) {
  EXPECT_EQ(augmentation_names().size(), 7u);
  EXPECT_EQ(make_augmentation("cutout", {{"size", 3}}).parameters(),
            (AugmentationParameters{{"size", 3}, {"probability", 1}, {"fill", 0}}));
  EXPECT_THROW(make_augmentation("flip"), Error);
  EXPECT_THROW(make_augmentation("cutout", {{"width", 3}}), Error);
  EXPECT_THROW(make_augmentation("random_flip", {{"probability", 1.5}}), Error);
  EXPECT_THROW(make_augmentation("random_flip", {{"probability", std::nan("")}}), Error);
}

}  // namespace
}  // namespace tutti
