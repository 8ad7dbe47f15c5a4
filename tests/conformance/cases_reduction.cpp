#include <fmt/format.h>

#include "cases.h"

namespace tutti::conformance {
namespace {

using namespace op;

void add_reduce(std::vector<Case>& cases, const char* name, ReduceKind kind, Shape x, std::vector<int> axes,
                bool keep_dims = false) {
  cases.push_back({fmt::format("Reduce_{}_{}", name_of(kind), name), Reduce{kind, std::move(axes), keep_dims},
                   [x](Draws& draw) { return std::vector{draw.normal(x, 1.0, 0.5)}; }});
}

void add_reduces(std::vector<Case>& cases) {
  for (const ReduceKind kind : {ReduceKind::kSum, ReduceKind::kMean, ReduceKind::kSumSquares, ReduceKind::kSumAbs}) {
    add_reduce(cases, "all", kind, {3, 5, 7}, {});
    add_reduce(cases, "bias_gradient", kind, {4, 5, 3, 19}, {0, 1, 2});
  }
  add_reduce(cases, "all_keep_dims", ReduceKind::kSum, {3, 5, 7}, {}, true);
  add_reduce(cases, "rows", ReduceKind::kSum, {9, 33}, {0});
  add_reduce(cases, "last", ReduceKind::kMean, {6, 37}, {1});
  add_reduce(cases, "last_keep_dims", ReduceKind::kSum, {4, 3, 21}, {2}, true);
  add_reduce(cases, "global_pool", ReduceKind::kMean, {3, 5, 7, 10}, {1, 2});
  add_reduce(cases, "outer_and_last", ReduceKind::kSum, {4, 5, 6}, {0, 2});
  add_reduce(cases, "scalar", ReduceKind::kSum, {}, {});
  add_reduce(cases, "large", ReduceKind::kSum, {32, 16, 16, 8}, {});
}

// Logits so far apart that one probability of a row is 1.
constexpr double kSaturated = 100;

void add_softmax(std::vector<Case>& cases, const char* name, Shape x, double scale) {
  for (const bool log : {false, true}) {
    const char* prefix = log ? "log_" : "";
    cases.push_back({fmt::format("Softmax_{}{}", prefix, name), Softmax{log},
                     [=](Draws& draw) { return std::vector{draw.normal(x, scale)}; }});
    // Of a saturated softmax the gradient is a difference of equals: rounding noise, which no two engines share.
    if (scale > kSaturated && !log) continue;
    cases.push_back({fmt::format("SoftmaxGrad_{}{}", prefix, name), SoftmaxGrad{log}, [=](Draws& draw) {
                       const Tensor y = Draws::run(Softmax{log}, {draw.normal(x, scale)})[0];
                       return std::vector{draw.normal(x), y};
                     }});
  }
}

void add_batch_norm(std::vector<Case>& cases, const char* name, Shape x, double epsilon = 1e-3) {
  const Shape c{x[-1]};
  const auto draw_x = [=](Draws& draw) { return draw.normal(x, 2.0, 3.0); };
  const auto scale = [=](Draws& draw) { return draw.uniform(c, 0.5, 2); };
  const auto statistics = [=](Draws& draw, const Tensor& values) {
    return Draws::run(BatchNorm{epsilon}, {values, draw.uniform(c), draw.uniform(c)});
  };
  cases.push_back({fmt::format("BatchNorm_{}", name), BatchNorm{epsilon}, [=](Draws& draw) {
                     return std::vector{draw_x(draw), scale(draw), draw.normal(c)};
                   }});
  cases.push_back({fmt::format("BatchNormGrad_{}", name), BatchNormGrad{epsilon}, [=](Draws& draw) {
                     const Tensor values = draw_x(draw);
                     const std::vector<Tensor> saved = statistics(draw, values);
                     return std::vector{draw.normal(x), values, scale(draw), saved[1], saved[2]};
                   }});
  cases.push_back({fmt::format("BatchNormInference_{}", name), BatchNormInference{epsilon}, [=](Draws& draw) {
                     return std::vector{draw_x(draw), scale(draw), draw.normal(c), draw.normal(c), draw.uniform(c, 0.1, 4)};
                   }});
  cases.push_back({fmt::format("BatchNormInferenceGrad_{}", name), BatchNormInferenceGrad{epsilon}, [=](Draws& draw) {
                     return std::vector{draw.normal(x), draw_x(draw), scale(draw), draw.normal(c), draw.uniform(c, 0.1, 4)};
                   }});
}

void add_layer_norm(std::vector<Case>& cases, const char* name, Shape x, double epsilon = 1e-3) {
  const Shape c{x[-1]};
  cases.push_back({fmt::format("LayerNorm_{}", name), LayerNorm{epsilon}, [=](Draws& draw) {
                     return std::vector{draw.normal(x, 2.0, 3.0), draw.uniform(c, 0.5, 2), draw.normal(c)};
                   }});
  cases.push_back({fmt::format("LayerNormGrad_{}", name), LayerNormGrad{epsilon}, [=](Draws& draw) {
                     const Tensor values = draw.normal(x, 2.0, 3.0), gamma = draw.uniform(c, 0.5, 2);
                     const std::vector<Tensor> saved = Draws::run(LayerNorm{epsilon}, {values, gamma, draw.normal(c)});
                     return std::vector{draw.normal(x), values, gamma, saved[1], saved[2]};
                   }});
}

void add_dropout(std::vector<Case>& cases, const char* name, double rate, Shape x, Shape mask, std::int64_t step) {
  const Dropout op{rate, 0x123456789abcdefULL, 77, mask};
  cases.push_back({fmt::format("Dropout_{}", name), op, [=](Draws& draw) {
                     return std::vector{draw.normal(x), Draws::step(step)};
                   }});
  cases.push_back({fmt::format("DropoutGrad_{}", name), DropoutGrad{rate}, [=](Draws& draw) {
                     return std::vector{draw.normal(x), draw.mask(mask)};
                   }});
}

}  // namespace

void add_reductions(std::vector<Case>& cases) {
  add_reduces(cases);
  add_softmax(cases, "10", {7, 10}, 2);
  add_softmax(cases, "1", {5, 1}, 1);
  add_softmax(cases, "1000", {3, 1000}, 1);
  add_softmax(cases, "rank4", {2, 3, 4, 17}, 1);
  add_softmax(cases, "rank1", {9}, 1);
  add_softmax(cases, "large_values", {6, 11}, 300);
  add_batch_norm(cases, "dense", {13, 7});
  add_batch_norm(cases, "image", {3, 5, 4, 6});
  add_batch_norm(cases, "image_32", {2, 6, 6, 32});
  add_batch_norm(cases, "image_33_small_epsilon", {2, 5, 5, 33}, 1e-5);
  add_batch_norm(cases, "one_channel", {4, 3, 3, 1});
  // The variance is 0.
  cases.push_back({"BatchNorm_single_row", BatchNorm{}, [](Draws& draw) {
                     return std::vector{draw.normal({1, 9}), draw.uniform({9}, 0.5, 2), draw.normal({9})};
                   }});
  add_layer_norm(cases, "dense", {13, 7});
  add_layer_norm(cases, "image", {2, 3, 4, 33}, 1e-5);
  add_layer_norm(cases, "wide_batch1", {1, 257});
  add_dropout(cases, "quarter", 0.25, {3, 5, 7}, {3, 5, 7}, 0);
  add_dropout(cases, "half_image", 0.5, {2, 5, 5, 9}, {2, 5, 5, 9}, 5);
  add_dropout(cases, "none", 0.0, {37}, {37}, 1);
  add_dropout(cases, "late_step", 0.9, {11, 13}, {11, 13}, (std::int64_t{1} << 33) + 5);
  add_dropout(cases, "spatial", 0.3, {3, 4, 5, 7}, {3, 1, 1, 7}, 2);
  add_dropout(cases, "rows", 0.3, {6, 10}, {6, 1}, 2);
}

}  // namespace tutti::conformance
