#include <fmt/format.h>

#include <limits>

#include "cases.h"

namespace tutti::conformance {
namespace {

using namespace op;

struct PoolRow {
  const char* name;
  Shape x;
  PoolAttributes attributes;
};

std::vector<PoolRow> pool_rows() {
  return {
      {"2x2", {2, 8, 6, 5}, {}},
      {"2x2_odd_image", {3, 7, 9, 4}, {}},
      {"2x2_same_odd_image", {2, 7, 9, 3}, {.padding = {0, 1, 0, 1}}},
      {"3x3_s2_same", {2, 8, 8, 6}, {.window = {3, 3}, .strides = {2, 2}, .padding = {0, 1, 0, 1}}},
      {"3x3_s1_same", {2, 6, 7, 3}, {.window = {3, 3}, .strides = {1, 1}, .padding = {1, 1, 1, 1}}},
      {"2x3_s1x2", {2, 6, 9, 7}, {.window = {2, 3}, .strides = {1, 2}, .padding = {1, 0, 1, 2}}},
      {"2x2_s3_skips_pixels", {2, 8, 8, 3}, {.window = {2, 2}, .strides = {3, 3}}},
      {"global", {3, 5, 7, 10}, {.window = {5, 7}, .strides = {5, 7}}},
      {"1x1", {2, 3, 4, 5}, {.window = {1, 1}, .strides = {1, 1}}},
      {"2x2_32_channels_batch1", {1, 14, 14, 32}, {}},
      {"2x2_33_channels", {2, 6, 6, 33}, {}},
  };
}

template <class Op>
Op with_attributes(const PoolAttributes& attributes) {
  Op op;
  static_cast<PoolAttributes&>(op) = attributes;
  return op;
}

void add_pool(std::vector<Case>& cases, const PoolRow& row) {
  const auto max_pool = with_attributes<MaxPool2D>(row.attributes);
  auto max_grad = with_attributes<MaxPool2DGrad>(row.attributes);
  auto average_grad = with_attributes<AveragePool2DGrad>(row.attributes);
  max_grad.input_shape = average_grad.input_shape = row.x;
  cases.push_back(
      {fmt::format("MaxPool2D_{}", row.name), max_pool, [row](Draws& draw) { return std::vector{draw.normal(row.x)}; }});
  cases.push_back({fmt::format("MaxPool2DGrad_{}", row.name), max_grad, [row, max_pool](Draws& draw) {
                     const Tensor argmax = Draws::run(max_pool, {draw.normal(row.x)})[1];
                     return std::vector{draw.normal(argmax.shape()), argmax};
                   }});
  cases.push_back({fmt::format("AveragePool2D_{}", row.name), with_attributes<AveragePool2D>(row.attributes),
                   [row](Draws& draw) { return std::vector{draw.normal(row.x)}; }});
  cases.push_back({fmt::format("AveragePool2DGrad_{}", row.name), average_grad, [row, max_pool](Draws& draw) {
                     const Shape y = Draws::run(max_pool, {draw.normal(row.x)})[0].shape();
                     return std::vector{draw.normal(y)};
                   }});
}

}  // namespace

void add_pools(std::vector<Case>& cases) {
  for (const PoolRow& row : pool_rows()) add_pool(cases, row);
  cases.push_back(
      {"MaxPool2D_ties", MaxPool2D{{.window = {3, 3}, .strides = {2, 2}, .padding = {1, 1, 1, 1}}}, [](Draws& draw) {
         return std::vector{draw.whole_numbers({2, 9, 9, 5}, 3)};
       }});
  cases.push_back({"MaxPool2D_all_negative_padded", MaxPool2D{{.window = {2, 2}, .strides = {2, 2}, .padding = {1, 1, 1, 1}}},
                   [](Draws& draw) {
                     return std::vector{draw.uniform({2, 6, 6, 3}, -9, -8)};
                   }});
  cases.push_back({"MaxPool2D_nan_wins", MaxPool2D{}, [](Draws& draw) {
                     // One NaN in some of the windows, at each of the four cells in turn.
                     constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
                     return std::vector{draw.of({1, 2, 10, 1}, {kNaN, 1, 2, kNaN, 3,    4, 5, 6,    7, 8,  //
                                                                9,    8, 7, 6,    kNaN, 5, 4, kNaN, 3, 2})};
                   }});
  // Overlapping windows share a winner, whose gradient is the sum.
  const MaxPool2DGrad overlapping{{.window = {3, 3}, .strides = {1, 1}}, {2, 6, 6, 3}};
  cases.push_back({"MaxPool2DGrad_overlapping", overlapping, [overlapping](Draws& draw) {
                     const MaxPool2D pool{{.window = {3, 3}, .strides = {1, 1}}};
                     const Tensor argmax = Draws::run(pool, {draw.normal(overlapping.input_shape)})[1];
                     return std::vector{draw.normal(argmax.shape()), argmax};
                   }});
}

}  // namespace tutti::conformance
