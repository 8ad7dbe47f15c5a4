#include "tutti/data/batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"

namespace tutti {
namespace {

using ::testing::ElementsAre;

Dataset numbers(std::int64_t count) {
  Tensor x({count, 1, 1, 1}, DType::kUInt8);
  for (std::int64_t i = 0; i < count; ++i) x.data<std::uint8_t>()[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(i);
  return Dataset::from_tensors(x, Tensor({count}, DType::kInt32));
}

std::vector<int> values(Batches& batches) {
  std::vector<int> all;
  while (const auto batch = batches.next())
    for (const float value : batch->x.data<float>()) all.push_back(static_cast<int>(value));
  return all;
}

TEST(Batches, CoverTheSetInOrder) {
  Batches batches(numbers(10), {.batch_size = 4});
  EXPECT_EQ(batches.size(), 3);
  EXPECT_EQ(batches.next()->x.shape(), (Shape{4, 1, 1, 1}));
  EXPECT_EQ(batches.next()->x.data<float>()[0], 4);
  EXPECT_EQ(batches.next()->x.shape(), (Shape{2, 1, 1, 1}));
  EXPECT_FALSE(batches.next());
  EXPECT_FALSE(batches.next());
}

TEST(Batches, DropTheRemainder) {
  Batches batches(numbers(10), {.batch_size = 4, .drop_remainder = true});
  EXPECT_EQ(batches.size(), 2);
  EXPECT_EQ(values(batches).size(), 8u);
  Batches none(numbers(0), {.batch_size = 4});
  EXPECT_FALSE(none.next());
}

TEST(Batches, ShuffleIsKeyedBySeedAndEpoch) {
  const auto order = [](std::uint64_t seed, std::uint64_t epoch) {
    Batches batches(numbers(100), {.batch_size = 7, .shuffle = true, .seed = seed, .epoch = epoch});
    return values(batches);
  };
  const std::vector<int> first = order(1, 2);
  EXPECT_EQ(first, order(1, 2));
  EXPECT_NE(first, order(1, 3));
  EXPECT_NE(first, order(2, 2));
  const auto expected = permutation(100, 1, "batches", 2);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), expected.begin(), expected.end()));
}

TEST(Batches, ForwardWhatTheLoaderThrows) {
  const Dataset data = numbers(10).map([](Sample sample) {
    if (sample.x.data<std::uint8_t>()[0] == 5) fail("test", "damaged");
    return sample;
  });
  Batches batches(data, {.batch_size = 4});
  EXPECT_TRUE(batches.next());
  EXPECT_THROW(batches.next(), Error);
}

TEST(Batches, StopWhenAbandoned) {
  std::atomic<int> reads{0};
  const Dataset data = numbers(200).map([&reads](Sample sample) { return ++reads, sample; });
  {
    Batches batches(data, {.batch_size = 1, .prefetch = 2});
    ASSERT_TRUE(batches.next());
  }
  // One taken, two waiting, one in the loader's hands; each is read twice (x and y), and map() looked at the first.
  EXPECT_LE(reads, 1 + 2 * 4);
}

TEST(Batches, CanBeInterrupted) {
  std::atomic<bool> release{false};
  std::atomic<int> calls{0};
  const Dataset slow = numbers(2).map([&](Sample sample) {
    if (calls++ > 0) release.wait(false);
    return sample;
  });
  Batches batches(slow, {.batch_size = 1});
  set_interrupted(true);
  EXPECT_THROW(batches.next(), Interrupted);
  set_interrupted(false);
  release = true;
  release.notify_all();
}

TEST(Batches, AugmentTheSameWayEachTime) {
  Tensor x({6, 4, 4, 1}, DType::kUInt8);
  for (std::size_t i = 0; i < 96; ++i) x.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i);
  const Dataset data = Dataset::from_tensors(x, Tensor({6}, DType::kInt32));
  const auto epoch = [&](std::uint64_t number, bool shuffle) {
    Batches batches(data, {.batch_size = 6,
                           .shuffle = shuffle,
                           .seed = 4,
                           .epoch = number,
                           .augmentations = {make_augmentation("random_crop", {{"padding", 2}})}});
    return batches.next()->x;
  };
  const Tensor plain = epoch(0, false), again = epoch(0, false), later = epoch(1, false), shuffled = epoch(0, true);
  EXPECT_TRUE(std::ranges::equal(plain.data<float>(), again.data<float>()));
  EXPECT_FALSE(std::ranges::equal(plain.data<float>(), later.data<float>()));
  // Keyed by the sample, not by its place in the epoch.
  const auto order = permutation(6, 4, "batches", 0);
  for (std::int64_t i = 0; i < 6; ++i) {
    const std::int64_t row = order[static_cast<std::size_t>(i)];
    const Tensor a = shuffled.rows(i, i + 1), b = plain.rows(row, row + 1);
    EXPECT_TRUE(std::ranges::equal(a.data<float>(), b.data<float>()));
  }
}

TEST(Batches, RefuseBadOptions) {
  EXPECT_THROW(Batches(numbers(3), {.batch_size = 0}), Error);
  EXPECT_THROW(Batches(numbers(3), {.prefetch = 0}), Error);
  const Dataset flat = Dataset::from_tensors(Tensor({3, 2}), Tensor());
  EXPECT_THROW(Batches(flat, {.augmentations = {make_augmentation("random_flip")}}), Error);
}

}  // namespace
}  // namespace tutti
