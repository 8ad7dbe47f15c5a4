#include "tutti/nn/symbol.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/nn/layers/geometry.h"
#include "tutti/nn/layers/input.h"

namespace tutti {

namespace {

// Error unless the product of the extents, the batch left out, is at most kMaxElements.
void check_size(std::string_view where, std::string_view what, const Shape& shape) {
  std::int64_t elements = 1;
  for (const std::int64_t extent : shape) {
    if (extent > 0 && extent > kMaxElements / elements)
      fail(where, "{} of shape {} is too large: it would have more than {} elements.", what, to_string(shape), kMaxElements);
    if (extent > 0) elements *= extent;
  }
}

// Error if a layer that has its weights would have made others for these inputs.
void check_same_weights(Layer& layer, std::span<const Shape> shapes) {
  std::vector<Weight> kept;
  kept.swap(layer.weights());
  layer.build(shapes);
  kept.swap(layer.weights());
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (kept[i].shape != layer.weights()[i].shape)
      fail(label_of(layer), "was built with a {} of shape {}; an input of shape {} needs {}.", kept[i].name,
           to_string(layer.weights()[i].shape), to_string(shapes.front()), to_string(kept[i].shape));
}

}  // namespace

const SymbolNode& Symbol::node() const {
  if (!node_) fail("Symbol", "is empty. Expected the output of a layer or an Input.");
  return *node_;
}

const Shape& Symbol::shape() const { return node().shape; }

SymbolNode::SymbolNode(LayerPtr layer_, std::vector<Symbol> inputs_, Shape shape_)
    : layer(std::move(layer_)), inputs(std::move(inputs_)), shape(std::move(shape_)) {}

SymbolNode::~SymbolNode() {
  std::vector<Symbol> pending = std::move(inputs);
  while (!pending.empty()) {
    const Symbol last = std::move(pending.back());
    pending.pop_back();
    if (last.node_.use_count() != 1) continue;
    std::ranges::move(last.node_->inputs, std::back_inserter(pending));
    last.node_->inputs.clear();
  }
}

Symbol LayerHandle::operator()(const Symbol& input) const { return (*this)(std::vector{input}); }

Symbol LayerHandle::operator()(std::vector<Symbol> inputs) const {
  std::vector<Shape> shapes;
  for (const Symbol& input : inputs) shapes.push_back(input.shape());
  Shape shape = layer_->output_shape(shapes);
  check_size(label_of(*layer_), "an output", shape);
  if (layer_->built) {
    if (!layer_->weights().empty()) check_same_weights(*layer_, shapes);
  } else {
    layer_->build(shapes);
    layer_->built = true;
  }
  for (const Weight& weight : layer_->weights()) check_size(label_of(*layer_), weight.name, weight.shape);
  return Symbol(std::make_shared<const SymbolNode>(layer_, std::move(inputs), std::move(shape)));
}

Symbol Input(Shape shape, InputOptions options) {
  std::vector<std::int64_t> extents{-1};
  for (const std::int64_t extent : shape) {
    if (extent < 1) fail("Input", "extents must be positive. Got {}.", to_string(shape));
    extents.push_back(extent);
  }
  check_size("Input", "an input", shape);
  auto layer = std::make_shared<InputLayer>(Shape(extents));
  layer->name = std::move(options.name);
  return Symbol(std::make_shared<const SymbolNode>(layer, std::vector<Symbol>(), Shape(extents)));
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
