#include "tutti/nn/confusion_matrix.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tutti/base/error.h"

namespace tutti {
namespace {

using Counts = std::vector<std::vector<std::int64_t>>;

TEST(ConfusionMatrix, HasTrueClassesInRows) {
  const Tensor labels = Tensor::of<int>({5}, {0, 0, 1, 2, 2}), predictions = Tensor::of<std::int64_t>({5}, {0, 1, 1, 0, 0});
  const ConfusionMatrix matrix = confusion_matrix(labels, predictions);
  EXPECT_EQ(matrix.counts, (Counts{{1, 1, 0}, {0, 1, 0}, {2, 0, 0}}));
  EXPECT_EQ(matrix.class_names, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(matrix.samples(), 5);
  EXPECT_EQ(matrix.samples_of(2), 2);
  EXPECT_EQ(matrix.recall(0), 0.5);
  EXPECT_EQ(matrix.recall(2), 0.0);
  EXPECT_EQ(matrix.accuracy(), 0.4);
}

TEST(ConfusionMatrix, TakesIdsProbabilitiesAndOneHot) {
  const Tensor ids = Tensor::of<int>({3, 1}, {0, 1, 1});
  const Tensor probabilities = Tensor::of<float>({3, 2}, {0.4f, 0.6f, 0.9f, 0.1f, 0.2f, 0.8f});
  const Counts expected = {{0, 1}, {1, 1}};
  EXPECT_EQ(confusion_matrix(ids, probabilities).counts, expected);
  EXPECT_EQ(confusion_matrix(ids, Tensor::of<float>({3, 1}, {0.6f, 0.1f, 0.8f})).counts, expected);  // a sigmoid's
  EXPECT_EQ(confusion_matrix(Tensor::of<float>({3, 2}, {1, 0, 0, 1, 0, 1}), probabilities).counts, expected);
  EXPECT_EQ(confusion_matrix(ids, probabilities, 3).counts, (Counts{{0, 1, 0}, {1, 1, 0}, {0, 0, 0}}));
  EXPECT_EQ(confusion_matrix(ids.rows(0, 1), Tensor::of<float>({1, 1}, {1.f}), 1).counts, (Counts{{1}}));
}

TEST(ConfusionMatrix, TakesNamesAndDataSets) {
  const Tensor labels = Tensor::of<int>({2}, {1, 0}), predictions = Tensor::of<int>({2}, {1, 1});
  EXPECT_EQ(confusion_matrix(labels, predictions, {"cat", "dog"}).class_names[1], "dog");
  const Dataset data = Dataset::from_tensors(Tensor({2, 4}), labels, {"cat", "dog", "frog"});
  const ConfusionMatrix matrix = confusion_matrix(data, predictions);
  EXPECT_EQ(matrix.counts, (Counts{{0, 1, 0}, {0, 1, 0}, {0, 0, 0}}));
  EXPECT_EQ(matrix.class_names[2], "frog");
  EXPECT_TRUE(std::isnan(matrix.recall(2)));
}

TEST(ConfusionMatrix, RefusesWhatDoesNotFit) {
  const Tensor two = Tensor::of<int>({2}, {0, 1}), three = Tensor::of<int>({3}, {0, 1, 2});
  EXPECT_THROW(confusion_matrix(two, three), Error);
  EXPECT_THROW(confusion_matrix(three, three, 2), Error);
  EXPECT_THROW(confusion_matrix(two, two, -1), Error);
  EXPECT_THROW(confusion_matrix(two, two, std::vector<std::string>{}), Error);
  EXPECT_THROW(confusion_matrix(two, Tensor::of<int>({2}, {0, -1})), Error);
  EXPECT_THROW(confusion_matrix(two, Tensor::of<int>({2}, {0, 2'000'000'000})), Error);
  EXPECT_THROW(confusion_matrix(two, Tensor({2})), Error);        // float ids
  EXPECT_THROW(confusion_matrix(two, Tensor({2, 2, 2})), Error);  // of pixels
  EXPECT_THROW(confusion_matrix(Dataset::from_tensors(Tensor({2, 4}), Tensor()), two), Error);
}

TEST(LargestConfusions, AreSortedAndWithoutTheDiagonal) {
  const auto entries = largest_confusions({.counts = {{5, 1, 3}, {0, 9, 0}, {4, 1, 0}}, .class_names = {"a", "b", "c"}}, 3);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].truth, 2);
  EXPECT_EQ(entries[0].predicted, 0);
  EXPECT_EQ(entries[0].of, 5);
  EXPECT_EQ(entries[1].samples, 3);
  EXPECT_EQ(entries[2].truth, 0);
}

}  // namespace
}  // namespace tutti
