// Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate.
#include "tutti/nn/layers.h"
#include "tutti/nn/layers/factories.h"
#include "tutti/nn/layers/geometry.h"

namespace tutti {
namespace {

struct MergeRow {
  const char* class_name;
  op::BinaryKind kind;
};
constexpr MergeRow kMerges[] = {{"Add", op::BinaryKind::kAdd},      {"Subtract", op::BinaryKind::kSub},
                                {"Multiply", op::BinaryKind::kMul}, {"Average", op::BinaryKind::kAdd},
                                {"Maximum", op::BinaryKind::kMax},  {"Minimum", op::BinaryKind::kMin}};

class MergeLayer : public Layer {
 public:
  explicit MergeLayer(std::string class_name) : class_name_(std::move(class_name)) {}
  std::string class_name() const override { return class_name_; }
  Json config() const override { return Json::object(); }
  Shape output_shape(std::span<const Shape> inputs) const override {
    if (inputs.size() < 2 || (class_name_ == "Subtract" && inputs.size() != 2))
      fail(label_of(*this), "expected {} inputs. Got {}.", class_name_ == "Subtract" ? "two" : "two or more", inputs.size());
    Shape result = inputs[0];
    for (const Shape& input : inputs.subspan(1)) {
      if (input.rank() != result.rank())
        fail(label_of(*this), "inputs must have as many axes. Got {} and {}.", to_string(result), to_string(input));
      for (int axis = 0; axis < input.rank(); ++axis) {
        if (input[axis] != result[axis] && input[axis] != 1 && result[axis] != 1)
          fail(label_of(*this), "shapes do not fit. Got {} and {}.", to_string(result), to_string(input));
        if (result[axis] == 1) result[axis] = input[axis];
      }
    }
    return result;
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    Graph& graph = context.graph();
    const auto row = std::ranges::find_if(kMerges, [&](const MergeRow& merge) { return class_name_ == merge.class_name; });
    ValueId result = inputs[0];
    for (const ValueId input : inputs.subspan(1)) result = graph.add1(op::Binary{row->kind}, {result, input});
    if (class_name_ == "Average") result = graph.add1(op::Affine{.scale = 1.0 / static_cast<double>(inputs.size())}, {result});
    return result;
  }

 private:
  std::string class_name_;
};

class ConcatenateLayer : public Layer {
 public:
  explicit ConcatenateLayer(int axis) : axis_(axis) {}
  std::string class_name() const override { return "Concatenate"; }
  Json config() const override { return {{"axis", axis_}}; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    if (inputs.size() < 2) fail(label_of(*this), "expected two or more inputs. Got {}.", inputs.size());
    Shape result = inputs[0];
    const int axis = axis_in(result);
    if (axis < 1 || axis >= result.rank()) fail(label_of(*this), "axis {} does not fit shape {}.", axis_, to_string(result));
    for (const Shape& input : inputs.subspan(1)) {
      bool fits = input.rank() == result.rank();
      for (int other = 0; fits && other < input.rank(); ++other) fits = other == axis || input[other] == result[other];
      if (!fits)
        fail(label_of(*this), "inputs must agree but for axis {}. Got {} and {}.", axis_, to_string(inputs[0]),
             to_string(input));
      result[axis] += input[axis];
    }
    return result;
  }
  ValueId call(LayerContext& context, std::span<const ValueId> inputs) const override {
    const int axis = axis_in(context.graph().shape(inputs[0]));
    return context.graph().add1(op::Concat{axis}, std::vector<ValueId>(inputs.begin(), inputs.end()));
  }

 private:
  int axis_in(const Shape& shape) const { return axis_ < 0 ? axis_ + shape.rank() : axis_; }
  int axis_;
};

LayerHandle merge(const char* class_name, NameOption options) {
  return named(std::make_shared<MergeLayer>(class_name), std::move(options));
}

}  // namespace

LayerHandle Add(NameOption options) { return merge("Add", std::move(options)); }
LayerHandle Subtract(NameOption options) { return merge("Subtract", std::move(options)); }
LayerHandle Multiply(NameOption options) { return merge("Multiply", std::move(options)); }
LayerHandle Average(NameOption options) { return merge("Average", std::move(options)); }
LayerHandle Maximum(NameOption options) { return merge("Maximum", std::move(options)); }
LayerHandle Minimum(NameOption options) { return merge("Minimum", std::move(options)); }
LayerHandle Concatenate(int axis, NameOption options) {
  return named(std::make_shared<ConcatenateLayer>(axis), std::move(options));
}

LayerPtr merge_from_config(ConfigReader& reader) { return std::make_shared<MergeLayer>(reader.class_name()); }

LayerPtr concatenate_from_config(ConfigReader& reader) {
  return std::make_shared<ConcatenateLayer>(static_cast<int>(reader.integer("axis", -1)));
}

}  // namespace tutti
