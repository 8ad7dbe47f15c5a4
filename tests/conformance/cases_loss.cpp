#include <fmt/format.h>

#include "cases.h"

namespace tutti::conformance {
namespace {

using namespace op;

using MakeInputs = std::function<std::vector<Tensor>(Draws&)>;  // prediction, target

void add(std::vector<Case>& cases, const char* name, const LossAttributes& attributes, MakeInputs inputs) {
  cases.push_back({fmt::format("Loss_{}", name), Loss{attributes}, inputs});
  cases.push_back({fmt::format("LossGrad_{}", name), LossGrad{attributes}, [=](Draws& draw) {
                     std::vector<Tensor> pair = inputs(draw);
                     std::vector<std::int64_t> rows = pair[0].shape().extents();
                     rows.pop_back();
                     return std::vector{draw.normal(Shape(rows)), pair[0], pair[1]};
                   }});
}

void add_categorical(std::vector<Case>& cases) {
  const auto kind = LossKind::kCategoricalCrossEntropy;
  add(cases, "cce_one_hot", {kind}, [](Draws& draw) {
    return std::vector{draw.probabilities({7, 10}), draw.one_hot({7, 10})};
  });
  add(cases, "cce_soft_targets", {kind}, [](Draws& draw) {
    return std::vector{draw.probabilities({7, 10}), draw.probabilities({7, 10})};
  });
  add(cases, "cce_not_normalized", {kind}, [](Draws& draw) {
    return std::vector{draw.uniform({5, 9}, 0.1, 2), draw.one_hot({5, 9})};
  });
  add(cases, "cce_saturated", {kind}, [](Draws& draw) {
    return std::vector{draw.of({3, 3}, {1, 0, 0, 0, 1, 0, 0.5, 0.5, 0}), draw.of({3, 3}, {1, 0, 0, 1, 0, 0, 0, 0, 1})};
  });
  add(cases, "cce_smoothed", {.kind = kind, .label_smoothing = 0.1}, [](Draws& draw) {
    return std::vector{draw.probabilities({7, 10}), draw.one_hot({7, 10})};
  });
  add(cases, "cce_logits", {.kind = kind, .from_logits = true}, [](Draws& draw) {
    return std::vector{draw.normal({7, 10}, 3), draw.one_hot({7, 10})};
  });
  add(cases, "cce_logits_smoothed_rank3", {.kind = kind, .from_logits = true, .label_smoothing = 0.2}, [](Draws& draw) {
    return std::vector{draw.normal({3, 4, 5}, 3), draw.probabilities({3, 4, 5})};
  });
  add(cases, "cce_logits_large", {.kind = kind, .from_logits = true}, [](Draws& draw) {
    return std::vector{draw.normal({5, 17}, 200), draw.one_hot({5, 17})};
  });
}

void add_sparse(std::vector<Case>& cases) {
  const auto kind = LossKind::kSparseCategoricalCrossEntropy;
  add(cases, "scce", {kind}, [](Draws& draw) { return std::vector{draw.probabilities({7, 10}), draw.labels({7}, 10)}; });
  add(cases, "scce_rank3", {kind}, [](Draws& draw) {
    return std::vector{draw.probabilities({3, 4, 5}), draw.labels({3, 4}, 5)};
  });
  add(cases, "scce_batch1", {kind}, [](Draws& draw) { return std::vector{draw.probabilities({1, 10}), draw.labels({1}, 10)}; });
  add(cases, "scce_logits", {.kind = kind, .from_logits = true}, [](Draws& draw) {
    return std::vector{draw.normal({7, 10}, 3), draw.labels({7}, 10)};
  });
  add(cases, "scce_smoothed", {.kind = kind, .label_smoothing = 0.1}, [](Draws& draw) {
    return std::vector{draw.probabilities({7, 10}), draw.labels({7}, 10)};
  });
  add(cases, "scce_logits_smoothed", {.kind = kind, .from_logits = true, .label_smoothing = 0.1}, [](Draws& draw) {
    return std::vector{draw.normal({7, 10}, 3), draw.labels({7}, 10)};
  });
  add(cases, "scce_logits_1000", {.kind = kind, .from_logits = true}, [](Draws& draw) {
    return std::vector{draw.normal({3, 1000}), draw.labels({3}, 1000)};
  });
  add(cases, "scce_no_such_class", {.kind = kind, .from_logits = true}, [](Draws& draw) {
    return std::vector{draw.normal({4, 5}), Tensor::of<std::int32_t>({4}, {0, -1, 5, 4})};
  });
}

void add_binary(std::vector<Case>& cases) {
  const auto kind = LossKind::kBinaryCrossEntropy;
  add(cases, "bce", {kind}, [](Draws& draw) {
    return std::vector{draw.uniform({9, 1}, 0.02, 0.98), draw.whole_numbers({9, 1}, 2)};
  });
  add(cases, "bce_several", {kind}, [](Draws& draw) {
    return std::vector{draw.uniform({7, 5}, 0.02, 0.98), draw.uniform({7, 5})};
  });
  add(cases, "bce_saturated", {kind}, [](Draws& draw) {
    return std::vector{draw.of({4, 2}, {0, 1, 1, 0, 0, 1, 0.25, 1}), draw.of({4, 2}, {0, 0, 1, 1, 1, 0.5, 1, 1})};
  });
  add(cases, "bce_smoothed", {.kind = kind, .label_smoothing = 0.1}, [](Draws& draw) {
    return std::vector{draw.uniform({7, 5}, 0.02, 0.98), draw.whole_numbers({7, 5}, 2)};
  });
  add(cases, "bce_logits", {.kind = kind, .from_logits = true}, [](Draws& draw) {
    return std::vector{draw.normal({7, 5}, 10), draw.whole_numbers({7, 5}, 2)};
  });
  add(cases, "bce_logits_smoothed", {.kind = kind, .from_logits = true, .label_smoothing = 0.1}, [](Draws& draw) {
    return std::vector{draw.normal({7, 5}, 2), draw.whole_numbers({7, 5}, 2)};
  });
}

void add_regression(std::vector<Case>& cases) {
  const auto pair = [](Shape shape) {
    return [shape](Draws& draw) { return std::vector{draw.normal(shape), draw.normal(shape)}; };
  };
  add(cases, "mse", {LossKind::kMeanSquaredError}, pair({7, 5}));
  add(cases, "mse_image", {LossKind::kMeanSquaredError}, pair({2, 3, 4, 3}));
  add(cases, "mae", {LossKind::kMeanAbsoluteError}, pair({7, 5}));
  add(cases, "huber", {LossKind::kHuber}, pair({7, 5}));
  add(cases, "huber_delta_half", {.kind = LossKind::kHuber, .delta = 0.5}, pair({9, 3}));
}

}  // namespace

void add_losses(std::vector<Case>& cases) {
  add_categorical(cases);
  add_sparse(cases);
  add_binary(cases);
  add_regression(cases);
}

}  // namespace tutti::conformance
