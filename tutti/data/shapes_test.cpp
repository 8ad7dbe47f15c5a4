#include <gtest/gtest.h>

#include "tutti/base/error.h"
#include "tutti/data/datasets.h"

namespace tutti::datasets {
namespace {

std::uint64_t hash(const Tensor& tensor) {
  std::uint64_t value = 14695981039346656037u;
  const auto* bytes = static_cast<const unsigned char*>(tensor.raw());
  for (std::size_t i = 0; i < tensor.bytes(); ++i) value = (value ^ bytes[i]) * 1099511628211u;
  return value;
}

TEST(Shapes, AreBalancedAndNamed) {
  const auto [train, test] = shapes({.n_train = 200, .n_test = 100});
  EXPECT_EQ(train.sample_shape(), (Shape{32, 32, 3}));
  EXPECT_EQ(train.class_names().size(), 10u);
  EXPECT_EQ(test.size(), 100);
  std::vector<int> counts(10);
  const Tensor labels = train.labels();
  for (const std::int32_t label : labels.data<std::int32_t>()) counts[static_cast<std::size_t>(label)]++;
  EXPECT_EQ(counts, std::vector<int>(10, 20));
}

TEST(Shapes, DependOnTheSeedOnly) {
  const auto [few, test] = shapes({.n_train = 10, .n_test = 10, .seed = 5});
  const auto [many, more] = shapes({.n_train = 30, .n_test = 20, .seed = 5});
  EXPECT_EQ(hash(few.images()), hash(many.take(10).images()));
  EXPECT_EQ(hash(test.images()), hash(more.take(10).images()));
  EXPECT_NE(hash(few.images()), hash(test.images()));
  EXPECT_NE(hash(few.images()), hash(shapes({.n_train = 10, .n_test = 0, .seed = 6}).first.images()));
}

// The same bytes on every machine and with every compiler: results of different machines can be compared.
TEST(Shapes, AreTheSameEverywhere) {
  EXPECT_EQ(hash(shapes({.n_train = 10, .n_test = 0}).first.images()), 0x649f5b9afdb3a341u);
}

TEST(Shapes, RefuseANegativeNumber) { EXPECT_THROW(shapes({.n_train = -1}), Error); }

}  // namespace
}  // namespace tutti::datasets
