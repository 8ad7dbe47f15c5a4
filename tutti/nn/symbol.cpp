#include "tutti/nn/symbol.h"

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/nn/layers/input.h"

namespace tutti {

const Shape& Symbol::shape() const {
  if (!node_) fail("Symbol", "is empty. Expected the output of a layer or an Input.");
  return node_->shape;
}

Symbol LayerHandle::operator()(const Symbol& input) const { return (*this)(std::vector{input}); }

Symbol LayerHandle::operator()(std::vector<Symbol> inputs) const {
  std::vector<Shape> shapes;
  for (const Symbol& input : inputs) shapes.push_back(input.shape());
  Shape shape = layer_->output_shape(shapes);
  if (!layer_->built) {
    layer_->build(shapes);
    layer_->built = true;
  }
  return Symbol(std::make_shared<const SymbolNode>(SymbolNode{layer_, std::move(inputs), std::move(shape)}));
}

Symbol Input(Shape shape, InputOptions options) {
  std::vector<std::int64_t> extents{-1};
  for (const std::int64_t extent : shape) {
    if (extent < 1) fail("Input", "extents must be positive. Got {}.", to_string(shape));
    extents.push_back(extent);
  }
  auto layer = std::make_shared<InputLayer>(Shape(extents));
  layer->name = std::move(options.name);
  return Symbol(std::make_shared<const SymbolNode>(SymbolNode{layer, {}, Shape(extents)}));
}

Json InputLayer::config() const {
  Json extents = Json::array();
  for (const std::int64_t extent : shape_) extents.push_back(extent < 0 ? Json(nullptr) : Json(extent));
  return {{"batch_shape", extents}, {"sparse", false}, {"ragged", false}, {"optional", false}};
}

ValueId InputLayer::call(LayerContext&, std::span<const ValueId>) const {
  fail("InputLayer", "cannot be called: its value is fed.");
}

}  // namespace tutti
