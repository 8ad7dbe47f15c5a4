#include <fmt/format.h>

#include "cases.h"

namespace tutti::conformance {
namespace {

using namespace op;

struct ConvRow {
  const char* name;
  Shape x;       // (n, h, w, c_in)
  Shape kernel;  // (k_h, k_w, c_in / groups, c_out)
  ConvAttributes attributes;
  bool bias = true;
};

// Padding of Keras's "same" where it is asymmetric: the odd pixel goes below and to the right.
constexpr Padding2D kOddSame{0, 1, 0, 1};
constexpr Padding2D kSame3{1, 1, 1, 1};

std::vector<ConvRow> conv_rows() {
  return {
      {"3x3_valid", {2, 7, 9, 3}, {3, 3, 3, 5}, {}},
      {"3x3_valid_no_bias", {2, 7, 9, 3}, {3, 3, 3, 5}, {}, false},
      {"3x3_same", {2, 8, 8, 4}, {3, 3, 4, 8}, {.padding = kSame3}},
      {"3x3_same_batch1", {1, 8, 8, 4}, {3, 3, 4, 8}, {.padding = kSame3}},
      {"3x3_same_s2", {2, 8, 8, 3}, {3, 3, 3, 6}, {.strides = {2, 2}, .padding = kOddSame}},
      {"3x3_same_s2_odd_image", {3, 9, 7, 3}, {3, 3, 3, 6}, {.strides = {2, 2}, .padding = kSame3}},
      {"3x3_valid_s2_unused_tail", {2, 8, 10, 5}, {3, 3, 5, 4}, {.strides = {2, 2}}},
      {"4x5_asymmetric", {2, 9, 8, 3}, {4, 5, 3, 7}, {.strides = {2, 1}, .padding = {1, 2, 2, 1}}},
      {"2x2_s3_skips_pixels", {2, 8, 8, 3}, {2, 2, 3, 5}, {.strides = {3, 3}}},
      {"1x1", {3, 5, 7, 16}, {1, 1, 16, 24}, {}},
      {"1x1_s2", {2, 7, 8, 9}, {1, 1, 9, 5}, {.strides = {2, 2}}},
      {"1x7_same", {2, 5, 9, 6}, {1, 7, 6, 6}, {.padding = {0, 0, 3, 3}}},
      {"7x1_same", {2, 9, 5, 6}, {7, 1, 6, 6}, {.padding = {3, 3, 0, 0}}},
      {"5x5_whole_image", {2, 5, 5, 3}, {5, 5, 3, 4}, {}},
      {"3x3_padding_wider_than_kernel", {2, 4, 5, 3}, {3, 3, 3, 4}, {.padding = {4, 3, 3, 5}}},
      {"3x3_dilated", {2, 9, 9, 4}, {3, 3, 4, 6}, {.dilations = {2, 2}, .padding = {2, 2, 2, 2}}},
      {"3x2_dilated_2x3_s2", {2, 11, 12, 3}, {3, 2, 3, 5}, {.strides = {2, 1}, .dilations = {2, 3}, .padding = {1, 0, 2, 1}}},
      {"3x3_groups2", {2, 6, 7, 6}, {3, 3, 3, 10}, {.padding = kSame3, .groups = 2}},
      {"1x1_groups3", {2, 5, 5, 9}, {1, 1, 3, 6}, {.groups = 3}},
      {"3x3_groups4_s2_dilated", {2, 9, 9, 8}, {3, 3, 2, 12}, {.strides = {2, 2}, .dilations = {2, 2}, .groups = 4}},
      {"3x3_depthwise", {2, 8, 9, 8}, {3, 3, 1, 8}, {.padding = kSame3, .groups = 8}},
      {"3x3_depthwise_33_channels", {1, 6, 7, 33}, {3, 3, 1, 33}, {.padding = kSame3, .groups = 33}},
      {"3x3_depthwise_multiplier2_s2", {2, 8, 8, 5}, {3, 3, 1, 10}, {.strides = {2, 2}, .padding = kOddSame, .groups = 5}},
      {"3x3_1to1", {2, 6, 5, 1}, {3, 3, 1, 1}, {.padding = kSame3}},
      {"3x3_17to19", {2, 7, 6, 17}, {3, 3, 17, 19}, {.padding = kSame3}},
      {"3x3_same_3to32_32x32", {1, 32, 32, 3}, {3, 3, 3, 32}, {.padding = kSame3}},
      {"3x3_valid_32to32", {2, 14, 14, 32}, {3, 3, 32, 32}, {}},
      {"3x3_same_32to64", {3, 9, 11, 32}, {3, 3, 32, 64}, {.padding = kSame3}},
      // Several blocks and parts of tiles; tails of channels; images smaller than a tile; padding wider than the window's
      // reach.
      {"3x3_valid_33to47_many_tiles", {7, 23, 21, 33}, {3, 3, 33, 47}, {}},
      {"3x3_same_16to16_batch1", {1, 15, 14, 16}, {3, 3, 16, 16}, {.padding = kSame3}},
      {"3x3_same_20to100_image_3x3", {17, 3, 3, 20}, {3, 3, 20, 100}, {.padding = kSame3}},
      {"3x3_same_20to100_image_1x2", {3, 1, 2, 20}, {3, 3, 20, 100}, {.padding = kSame3}},
      {"3x3_24to16_padding_wider_than_kernel", {2, 4, 5, 24}, {3, 3, 24, 16}, {.padding = {4, 3, 3, 5}}},
      {"3x3_same_16to31_dilated", {2, 9, 7, 16}, {3, 3, 16, 31}, {.dilations = {2, 2}, .padding = {2, 2, 2, 2}}},
      {"3x3_same_64to64_s2", {1, 12, 12, 64}, {3, 3, 64, 64}, {.strides = {2, 2}, .padding = kOddSame}},
      {"1x1_64to128", {2, 6, 6, 64}, {1, 1, 64, 128}, {}},
      {"7x7_s2_3to16", {1, 23, 22, 3}, {7, 7, 3, 16}, {.strides = {2, 2}, .padding = {3, 3, 2, 3}}},
  };
}

void add_conv(std::vector<Case>& cases, const ConvRow& row) {
  Conv2D conv;
  static_cast<ConvAttributes&>(conv) = row.attributes;
  cases.push_back({fmt::format("Conv2D_{}", row.name), conv, [row](Draws& draw) {
                     std::vector<Tensor> inputs{draw.normal(row.x), draw.normal(row.kernel)};
                     if (row.bias) inputs.push_back(draw.normal({row.kernel[3]}));
                     return inputs;
                   }});
  if (!row.bias) return;
  const std::vector<TensorType> types{{DType::kFloat32, row.x}, {DType::kFloat32, row.kernel}};
  const Shape y = infer_types(conv, types).front().shape;
  Conv2DInputGrad input_grad;
  static_cast<ConvAttributes&>(input_grad) = row.attributes;
  input_grad.input_shape = row.x;
  cases.push_back({fmt::format("Conv2DInputGrad_{}", row.name), input_grad, [row, y](Draws& draw) {
                     return std::vector{draw.normal(y), draw.normal(row.kernel)};
                   }});
  Conv2DKernelGrad kernel_grad;
  static_cast<ConvAttributes&>(kernel_grad) = row.attributes;
  kernel_grad.kernel_shape = row.kernel;
  cases.push_back({fmt::format("Conv2DKernelGrad_{}", row.name), kernel_grad, [row, y](Draws& draw) {
                     return std::vector{draw.normal(row.x), draw.normal(y)};
                   }});
}

void add_matmul(std::vector<Case>& cases, std::int64_t m, std::int64_t k, std::int64_t n, MatMul op, bool bias) {
  const std::string name = fmt::format("MatMul_{}x{}x{}{}{}{}", m, k, n, op.transpose_a ? "_transpose_a" : "",
                                       op.transpose_b ? "_transpose_b" : "", bias ? "_bias" : "");
  cases.push_back({name, op, [=](Draws& draw) {
                     std::vector<Tensor> inputs{draw.normal(op.transpose_a ? Shape{k, m} : Shape{m, k}),
                                                draw.normal(op.transpose_b ? Shape{n, k} : Shape{k, n})};
                     if (bias) inputs.push_back(draw.normal({n}));
                     return inputs;
                   }});
}

}  // namespace

void add_convolutions(std::vector<Case>& cases) {
  for (const ConvRow& row : conv_rows()) add_conv(cases, row);
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      add_matmul(cases, 5, 7, 3, {transpose_a, transpose_b}, false);
      add_matmul(cases, 33, 65, 17, {transpose_a, transpose_b}, true);
    }
  }
  add_matmul(cases, 1, 1, 1, {}, false);
  add_matmul(cases, 1, 200, 10, {}, true);
  add_matmul(cases, 19, 1, 23, {}, true);
  add_matmul(cases, 37, 50, 1, {}, true);
  add_matmul(cases, 32, 576, 128, {}, true);
  add_matmul(cases, 64, 31, 64, {.transpose_a = true}, false);
}

}  // namespace tutti::conformance
