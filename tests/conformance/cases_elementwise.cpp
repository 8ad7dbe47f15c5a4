#include <fmt/format.h>

#include <string>

#include "cases.h"

namespace tutti::conformance {
namespace {

using namespace op;

constexpr ActivationKind kActivations[] = {
    ActivationKind::kRelu,        ActivationKind::kRelu6,       ActivationKind::kLeakyRelu,    ActivationKind::kElu,
    ActivationKind::kSelu,        ActivationKind::kGelu,        ActivationKind::kGeluTanh,     ActivationKind::kSilu,
    ActivationKind::kSigmoid,     ActivationKind::kTanh,        ActivationKind::kSoftplus,     ActivationKind::kSoftsign,
    ActivationKind::kExponential, ActivationKind::kHardSigmoid, ActivationKind::kHardSigmoid2, ActivationKind::kHardSilu,
    ActivationKind::kHardTanh,    ActivationKind::kMish,        ActivationKind::kLogSigmoid,   ActivationKind::kCelu};

// Both the curved middle and the flat ends; 3 * 5 * 7 elements are vectors and a tail.
Tensor curved(Draws& draw) { return draw.normal({3, 5, 7}, 3.0); }

void add_activation(std::vector<Case>& cases, ActivationKind kind, double alpha, const std::string& suffix = "") {
  const std::string name{name_of(kind)};
  cases.push_back({fmt::format("Activation_{}{}", name, suffix), Activation{kind, alpha},
                   [](Draws& draw) { return std::vector{curved(draw)}; }});
  cases.push_back({fmt::format("ActivationGrad_{}{}", name, suffix), ActivationGrad{kind, alpha}, [kind, alpha](Draws& draw) {
                     const Tensor x = curved(draw);
                     const Tensor saved = gradient_uses_output(kind) ? Draws::run(Activation{kind, alpha}, {x})[0] : x;
                     return std::vector{draw.normal(x.shape()), saved};
                   }});
}

void add_unary(std::vector<Case>& cases) {
  for (const UnaryKind kind : {UnaryKind::kNeg, UnaryKind::kAbs, UnaryKind::kSign, UnaryKind::kSquare, UnaryKind::kExp})
    cases.push_back(
        {fmt::format("Unary_{}", name_of(kind)), Unary{kind}, [](Draws& draw) { return std::vector{curved(draw)}; }});
  for (const UnaryKind kind : {UnaryKind::kSqrt, UnaryKind::kLog, UnaryKind::kReciprocal})
    cases.push_back({fmt::format("Unary_{}", name_of(kind)), Unary{kind}, [](Draws& draw) {
                       return std::vector{draw.uniform({3, 5, 7}, 0.1, 10)};
                     }});
}

void add_binary(std::vector<Case>& cases, BinaryKind kind, const char* name, Shape a, Shape b) {
  cases.push_back({fmt::format("Binary_{}_{}", name_of(kind), name), Binary{kind}, [=](Draws& draw) {
                     // Divisors keep away from 0.
                     return std::vector{draw.normal(a), kind == BinaryKind::kDiv ? draw.uniform(b, 0.5, 2) : draw.normal(b)};
                   }});
}

void add_binaries(std::vector<Case>& cases) {
  for (const BinaryKind kind :
       {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul, BinaryKind::kDiv, BinaryKind::kMax, BinaryKind::kMin}) {
    add_binary(cases, kind, "same_shape", {3, 5, 7}, {3, 5, 7});
    add_binary(cases, kind, "bias", {2, 3, 5, 7}, {7});
  }
  add_binary(cases, BinaryKind::kMul, "scalar_right", {3, 5, 7}, {});
  add_binary(cases, BinaryKind::kSub, "scalar_left", {}, {3, 5, 7});
  add_binary(cases, BinaryKind::kAdd, "both_scalars", {}, {});
  add_binary(cases, BinaryKind::kMul, "squeeze_excite", {2, 4, 3, 9}, {2, 1, 1, 9});
  add_binary(cases, BinaryKind::kSub, "middle_axes", {2, 4, 3, 5}, {1, 4, 3, 1});
  add_binary(cases, BinaryKind::kDiv, "rows", {6, 11}, {6, 1});
  add_binary(cases, BinaryKind::kAdd, "outer", {7, 1}, {1, 9});
  add_binary(cases, BinaryKind::kMul, "ranks_3_and_2", {3, 1, 5}, {4, 1});
}

void add_casts(std::vector<Case>& cases) {
  const auto add = [&](const char* name, DType to, std::function<Tensor(Draws&)> x) {
    cases.push_back({fmt::format("Cast_{}", name), Cast{to}, [x](Draws& draw) { return std::vector{x(draw)}; }});
  };
  add("uint8_to_float32", DType::kFloat32, [](Draws& draw) { return draw.pixels({2, 5, 5, 3}); });
  add("uint8_to_float64", DType::kFloat64, [](Draws& draw) { return draw.pixels({37}); });
  add("int32_to_float32", DType::kFloat32, [](Draws& draw) { return draw.labels({37}, 100000); });
  add("int32_to_int64", DType::kInt64, [](Draws& draw) { return draw.labels({37}, 100000); });
  add("float_to_float32", DType::kFloat32, [](Draws& draw) { return draw.normal({3, 5, 7}); });
  add("float_to_float64", DType::kFloat64, [](Draws& draw) { return draw.normal({3, 5, 7}); });
  add("float_to_int32", DType::kInt32, [](Draws& draw) { return draw.normal({3, 5, 7}, 100); });
  // uint8 saturates.
  add("float_to_uint8", DType::kUInt8, [](Draws& draw) { return draw.normal({3, 5, 7}, 200, 100); });
}

void add_clip_by_norm(std::vector<Case>& cases, const char* name, double squared_norm) {
  cases.push_back({fmt::format("ClipByNorm_{}", name), ClipByNorm{1.5}, [squared_norm](Draws& draw) {
                     return std::vector{draw.normal({5, 9}), draw.scalar(squared_norm)};
                   }});
}

}  // namespace

void add_elementwise(std::vector<Case>& cases) {
  for (const ActivationKind kind : kActivations) add_activation(cases, kind, kind == ActivationKind::kLeakyRelu ? 0.2 : 1.0);
  add_activation(cases, ActivationKind::kElu, 0.5, "_alpha_half");
  add_activation(cases, ActivationKind::kCelu, 0.5, "_alpha_half");
  add_activation(cases, ActivationKind::kLeakyRelu, 0.0, "_alpha_0");
  cases.push_back({"Activation_relu_large", Activation{ActivationKind::kRelu}, [](Draws& draw) {
                     return std::vector{draw.normal({2, 17, 19, 33})};
                   }});
  cases.push_back(
      {"Activation_relu_one", Activation{ActivationKind::kRelu}, [](Draws& draw) { return std::vector{draw.normal({1})}; }});
  // Where a naive formula overflows.
  for (const ActivationKind kind : {ActivationKind::kSigmoid, ActivationKind::kTanh, ActivationKind::kSoftplus,
                                    ActivationKind::kSilu, ActivationKind::kMish, ActivationKind::kLogSigmoid,
                                    ActivationKind::kGelu, ActivationKind::kGeluTanh, ActivationKind::kElu})
    cases.push_back({fmt::format("Activation_{}_extremes", name_of(kind)), Activation{kind}, [](Draws& draw) {
                       return std::vector{draw.of({9}, {-1000, -200, -90, -20, 0, 20, 90, 200, 1000})};
                     }});
  add_unary(cases);
  add_binaries(cases);
  cases.push_back({"Affine", Affine{1.0 / 255, -0.5}, [](Draws& draw) { return std::vector{curved(draw)}; }});
  cases.push_back({"Axpby", Axpby{0.99, 0.01}, [](Draws& draw) { return std::vector{draw.normal({37}), draw.normal({37})}; }});
  cases.push_back({"Clip", Clip{-0.5, 1.25}, [](Draws& draw) { return std::vector{curved(draw)}; }});
  add_clip_by_norm(cases, "shrinks", 45);
  add_clip_by_norm(cases, "leaves", 0.25);
  add_clip_by_norm(cases, "zero_norm", 0);
  add_casts(cases);
  cases.push_back({"Fill_float32", Fill{{DType::kFloat32, {3, 5, 7}}, 0.1}, [](Draws&) { return std::vector<Tensor>{}; }});
  cases.push_back({"Fill_float64", Fill{{DType::kFloat64, {37}}, 0.1}, [](Draws&) { return std::vector<Tensor>{}; }});
  cases.push_back({"Fill_int64_scalar", Fill{{DType::kInt64, {}}, 7}, [](Draws&) { return std::vector<Tensor>{}; }});
}

}  // namespace tutti::conformance
