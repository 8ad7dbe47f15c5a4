#include "tutti/tensor/tensor.h"

#include <sstream>

#include <gtest/gtest.h>

#include "tutti/base/error.h"

namespace tutti {
namespace {

TEST(Shape, PrintsAsKerasDoes) {
  EXPECT_EQ(to_string(Shape{}), "()");
  EXPECT_EQ(to_string(Shape{3}), "(3,)");
  EXPECT_EQ(to_string(Shape{-1, 32, 3}), "(None, 32, 3)");
  std::ostringstream stream;
  stream << Shape{2, 3};
  EXPECT_EQ(stream.str(), "(2, 3)");
  EXPECT_EQ((Shape{2, 3, 4}).strides(), (std::vector<std::int64_t>{12, 4, 1}));
}

TEST(Tensor, CopiesShareAndClonesDoNot) {
  Tensor a = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  Tensor shared = a, copy = a.clone();
  a.data<float>()[0] = 9;
  EXPECT_EQ(shared.data<float>()[0], 9);
  EXPECT_EQ(copy.data<float>()[0], 1);
  EXPECT_EQ(a.rows(1, 2).data<float>()[0], 3);
}

TEST(Tensor, RefusesWhatDoesNotFit) {
  EXPECT_THROW(Tensor::of<float>({3}, {1, 2}), Error);
  EXPECT_THROW((Tensor({2, 3}).reshape({4})), Error);
  EXPECT_THROW(Tensor({2}).data<double>(), Error);
  EXPECT_THROW(Tensor({2}).item(), Error);
  EXPECT_THROW(Tensor({2}).rows(1, 3), Error);
  EXPECT_THROW((Tensor({-1, 3})), Error);
}

TEST(Tensor, CastsAndClamps) {
  const Tensor pixels = Tensor::of<float>({3}, {-1.f, 7.9f, 300.f}).cast(DType::kUInt8);
  EXPECT_EQ(pixels.data<std::uint8_t>()[0], 0);
  EXPECT_EQ(pixels.data<std::uint8_t>()[1], 7);
  EXPECT_EQ(pixels.data<std::uint8_t>()[2], 255);
}

}  // namespace
}  // namespace tutti
