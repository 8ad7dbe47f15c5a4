#include "tutti/graph/cost.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(Cost, CountsMultiplicationsAndAdditions) {
  Graph graph;
  const ValueId x = graph.input("x", {DType::kFloat32, Shape{2, 8, 8, 4}});
  const ValueId kernel = graph.input("kernel", {DType::kFloat32, Shape{3, 3, 2, 6}});
  op::Conv2D convolution;
  convolution.groups = 2;
  const ValueId y = graph.add1(convolution, {x, kernel});  // (2, 6, 6, 6)
  const double convolutions = 2.0 * 2 * 6 * 6 * 6 * 3 * 3 * 2;
  EXPECT_EQ(flops_of(graph), convolutions);

  const ValueId flat = graph.add1(op::Reshape{Shape{2, 216}}, {y});
  const ValueId weights = graph.input("weights", {DType::kFloat32, Shape{216, 10}});
  const ValueId logits = graph.add1(op::MatMul{}, {flat, weights});
  const double product = 2.0 * 2 * 216 * 10;
  EXPECT_EQ(flops_of(graph), convolutions + product);
  const ValueId transposed = graph.add1(op::MatMul{.transpose_a = true}, {flat, logits});  // (216, 10)
  EXPECT_EQ(graph.shape(transposed), (Shape{216, 10}));
  EXPECT_EQ(flops_of(graph), convolutions + 2 * product);
  graph.add(op::Softmax{}, {logits});
  EXPECT_EQ(flops_of(graph), convolutions + 2 * product + 20);
}

TEST(Cost, AConvolutionsGradientsCostAsMuchAsItself) {
  const TensorType x{DType::kFloat32, Shape{4, 32, 32, 3}}, kernel{DType::kFloat32, Shape{3, 3, 3, 32}},
      y{DType::kFloat32, Shape{4, 30, 30, 32}};
  const double forward = flops_of(op::Conv2D{}, std::vector{x, kernel}, std::vector{y});
  EXPECT_EQ(forward, 2.0 * 4 * 30 * 30 * 32 * 27);
  EXPECT_EQ(flops_of(op::Conv2DInputGrad{{}, x.shape}, std::vector{y, kernel}, std::vector{x}), forward);
  EXPECT_EQ(flops_of(op::Conv2DKernelGrad{{}, kernel.shape}, std::vector{x, y}, std::vector{kernel}), forward);
}

}  // namespace
}  // namespace tutti
