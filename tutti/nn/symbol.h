// The functional API: Symbols are what layers give when called on Symbols; a Model is made of some of them.
#pragma once

#include <memory>
#include <vector>

#include "tutti/nn/layer.h"

namespace tutti {

struct SymbolNode;

// Of one sample between layers, and of one weight: 8 GiB of float32. It keeps sizes from overflowing whatever a file says.
inline constexpr std::int64_t kMaxElements = (std::int64_t{1} << 31) - 1;

// The output of a layer applied once; a cheap handle.
class Symbol {
 public:
  Symbol() = default;
  explicit Symbol(std::shared_ptr<const SymbolNode> node) : node_(std::move(node)) {}
  // With -1 for the batch. Error, as for node(), if empty.
  const Shape& shape() const;
  const SymbolNode& node() const;
  bool operator==(const Symbol&) const = default;

 private:
  friend struct SymbolNode;
  std::shared_ptr<const SymbolNode> node_;
};

struct SymbolNode {
  SymbolNode(LayerPtr layer_, std::vector<Symbol> inputs_, Shape shape_);
  SymbolNode(const SymbolNode&) = delete;
  SymbolNode& operator=(const SymbolNode&) = delete;
  // Frees the chain below by a loop: recursion would overflow the stack on a deep model.
  ~SymbolNode();

  LayerPtr layer;
  mutable std::vector<Symbol> inputs;  // mutable for the destructor only
  Shape shape;
};

// A layer that can be called. Conv2D(...), Dense(...) give one; so does a Symbol made by Input.
class LayerHandle {
 public:
  LayerHandle(LayerPtr layer) : layer_(std::move(layer)) {}
  LayerHandle(const Symbol& input) : layer_(input.node().layer) {}
  // Builds the layer at its first call. Error if the shapes do not fit, or are too large to be meant (kMaxElements).
  Symbol operator()(const Symbol& input) const;
  Symbol operator()(std::vector<Symbol> inputs) const;
  Layer& operator*() const { return *layer_; }
  Layer* operator->() const { return layer_.get(); }
  const LayerPtr& pointer() const { return layer_; }

 private:
  LayerPtr layer_;
};

struct InputOptions {
  std::string name;
};
// shape without the batch: Input({32, 32, 3}).
Symbol Input(Shape shape, InputOptions options = {});

}  // namespace tutti
