#include "tutti/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tutti/base/error.h"

namespace tutti {
namespace {

using ::testing::ElementsAre;
using Pixels = std::uint8_t;

// Five samples (2,) uint8: {0, 1}, {10, 11}, ... with labels 0 1 2 0 1.
Dataset five() {
  return Dataset::from_tensors(Tensor::of<Pixels>({5, 2}, {0, 1, 10, 11, 20, 21, 30, 31, 40, 41}),
                               Tensor::of<std::int64_t>({5}, {0, 1, 2, 0, 1}), {"a", "b", "c"});
}

std::vector<int> first_pixels(const Dataset& data) {
  std::vector<int> values;
  for (std::int64_t i = 0; i < data.size(); ++i) values.push_back(data.get(i).x.data<Pixels>()[0]);
  return values;
}

TEST(Dataset, DescribesItsSamples) {
  const Dataset data = five();
  EXPECT_EQ(data.size(), 5);
  EXPECT_EQ(data.sample_shape(), Shape{2});
  EXPECT_EQ(data.dtype(), DType::kUInt8);
  EXPECT_EQ(data.classes(), 3);
  EXPECT_EQ(data.get(2).y, 2);
  EXPECT_EQ(data.get(2).x.data<Pixels>()[1], 21);
  EXPECT_EQ(data.labels().dtype(), DType::kInt32);
  EXPECT_EQ(data.images().shape(), (Shape{5, 2}));
  EXPECT_EQ(Dataset().size(), 0);
}

TEST(Dataset, ViewsComposeWithoutCopies) {
  const auto [head, rest] = five().split_at(2);
  EXPECT_THAT(first_pixels(head), ElementsAre(0, 10));
  EXPECT_THAT(first_pixels(rest), ElementsAre(20, 30, 40));
  EXPECT_THAT(first_pixels(rest.skip(1).take(9)), ElementsAre(30, 40));
  EXPECT_THAT(first_pixels(rest.subset({2, 0, 2})), ElementsAre(40, 20, 40));
  EXPECT_EQ(rest.subset({2}).get(0).y, 1);
  EXPECT_EQ(five().take(0).size(), 0);
  EXPECT_EQ(five().take(0).labels().elements(), 0);
}

TEST(Dataset, ShuffleIsTheSamePermutationEachTime) {
  const std::vector<int> once = first_pixels(five().shuffle(3));
  EXPECT_EQ(once, first_pixels(five().shuffle(3)));
  EXPECT_THAT(once, ::testing::UnorderedElementsAre(0, 10, 20, 30, 40));
  const auto a = permutation(1000, 1, "test"), b = permutation(1000, 1, "test", 1);
  EXPECT_NE(a, b);
  EXPECT_EQ(std::set<std::int64_t>(a.begin(), a.end()).size(), 1000u);
  // Any change of these numbers changes every training run.
  EXPECT_THAT(permutation(5, 1, "batches"), ElementsAre(0, 2, 4, 3, 1));
}

TEST(Dataset, BatchesAreFloat32WithoutScaling) {
  const Batch batch = five().batch(std::vector<std::int64_t>{4, 1});
  EXPECT_EQ(batch.x.type(), (TensorType{DType::kFloat32, {2, 2}}));
  EXPECT_THAT(batch.x.data<float>(), ElementsAre(40, 41, 10, 11));
  EXPECT_THAT(batch.y.data<std::int32_t>(), ElementsAre(1, 1));
}

TEST(Dataset, FloatTargetsAndNoTargets) {
  const Dataset data = Dataset::from_tensors(Tensor::of<float>({2, 1}, {1, 2}), Tensor::of<double>({2, 2}, {.1, .2, .3, .4}));
  EXPECT_FALSE(data.has_labels());
  const Batch batch = data.skip(1).batch(0, 1);
  EXPECT_EQ(batch.y.type(), (TensorType{DType::kFloat32, {1, 2}}));
  EXPECT_FLOAT_EQ(batch.y.data<float>()[1], .4f);
  EXPECT_EQ(data.targets().shape(), (Shape{2, 2}));
  EXPECT_THROW(data.labels(), Error);
  EXPECT_TRUE(Dataset::from_tensors(Tensor({2, 1}), Tensor()).batch(0, 2).y.empty());
}

TEST(Dataset, MapSeesEachSample) {
  const Dataset mapped = five().map([](Sample sample) {
    return Sample{sample.x.cast(DType::kFloat32).reshape({2, 1}), 2 - sample.y};
  });
  EXPECT_EQ(mapped.sample_shape(), (Shape{2, 1}));
  EXPECT_EQ(mapped.get(3).y, 2);
  EXPECT_THAT(mapped.batch(1, 2).x.data<float>(), ElementsAre(10, 11));
  int calls = 0;
  const Dataset uneven = five().map([&calls](Sample sample) { return Sample{Tensor({++calls}), sample.y}; });
  EXPECT_THROW(uneven.get(1), Error);
  EXPECT_THROW(five().map([](Sample sample) { return Sample{sample.x, 7}; }).labels(), Error);
}

TEST(Dataset, RefusesWhatDoesNotFit) {
  const Tensor x({3, 2}, DType::kUInt8);
  EXPECT_THROW(Dataset::from_tensors(x, Tensor({2}, DType::kInt32)), Error);
  EXPECT_THROW(Dataset::from_tensors(x, Tensor::of<int>({3}, {0, -1, 0})), Error);
  EXPECT_THROW(Dataset::from_tensors(x, Tensor::of<int>({3}, {0, 2, 0}), {"a", "b"}), Error);
  EXPECT_THROW(Dataset::from_tensors(x, Tensor({3, 2}, DType::kInt32)), Error);
  EXPECT_THROW(Dataset::from_tensors(Tensor(Shape{}), Tensor()), Error);
  EXPECT_THROW(five().get(5), Error);
  EXPECT_THROW(five().take(-1), Error);
  EXPECT_THROW(five().split_at(6), Error);
  EXPECT_THROW(five().subset({5}), Error);
  EXPECT_THROW(five().batch(3, 6), Error);
}

}  // namespace
}  // namespace tutti
