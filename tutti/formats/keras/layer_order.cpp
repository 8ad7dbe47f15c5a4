// Keras lists a functional model's layers by depth: the longest way to an output, the farthest first; within one depth in the
// order of a depth-first walk from the outputs. Source: keras/src/ops/function.py (map_graph), keras 2.3.1
// engine/network.py (_map_graph_network).
#include <algorithm>
#include <map>
#include <set>

#include "tutti/formats/keras/keras_files.h"

namespace tutti::keras {
namespace {

class DepthOrder {
 public:
  explicit DepthOrder(const Model& model) : nodes_(model.nodes()) {
    for (const int output : model.output_nodes()) walk(output);
  }

  std::vector<LayerPtr> layers(const std::vector<LayerPtr>& all) {
    std::map<int, int> depth_of_node;
    std::map<const Layer*, int> depth_of_layer;
    for (auto node = finished_.rbegin(); node != finished_.rend(); ++node) {
      const ModelNode& record = nodes_[static_cast<std::size_t>(*node)];
      int& layer_depth = depth_of_layer[record.layer.get()];
      const int depth = std::max(depth_of_node[*node], layer_depth);
      layer_depth = depth_of_node[*node] = depth;
      for (const int input : record.inputs) depth_of_node[input] = std::max(depth + 1, depth_of_node[input]);
    }
    std::vector<LayerPtr> sorted = all;
    std::stable_sort(sorted.begin(), sorted.end(), [&](const LayerPtr& a, const LayerPtr& b) {
      const int depth_a = depth_of_layer[a.get()], depth_b = depth_of_layer[b.get()];
      return depth_a != depth_b ? depth_a > depth_b : walk_index_[a.get()] < walk_index_[b.get()];
    });
    return sorted;
  }

 private:
  // Numbers layers when first met, and lists nodes after their inputs. A loop: recursion would overflow on a deep model.
  void walk(int output) {
    struct Visit {
      int node;
      std::size_t next_input;
    };
    std::vector<Visit> stack;
    const auto enter = [&](int node) {
      if (!entered_.insert(node).second) return;
      walk_index_.emplace(nodes_[static_cast<std::size_t>(node)].layer.get(), static_cast<int>(walk_index_.size()));
      stack.push_back({node, 0});
    };
    enter(output);
    while (!stack.empty()) {
      Visit& visit = stack.back();
      const std::vector<int>& inputs = nodes_[static_cast<std::size_t>(visit.node)].inputs;
      if (visit.next_input < inputs.size()) {
        enter(inputs[visit.next_input++]);
        continue;
      }
      finished_.push_back(visit.node);
      stack.pop_back();
    }
  }

  const std::vector<ModelNode>& nodes_;
  std::set<int> entered_;
  std::vector<int> finished_;
  std::map<const Layer*, int> walk_index_;
};

}  // namespace

std::vector<LayerPtr> keras_layer_order(const Model& model) {
  if (model.is_sequential()) return model.layers();
  return DepthOrder(model).layers(model.layers());
}

std::vector<TrainableWeight> trainable_in_keras_order(const Model& model) {
  std::map<const Weight*, std::size_t> index;
  for (const Weight* weight : model.trainable_weights()) index.emplace(weight, index.size());
  std::vector<TrainableWeight> weights;
  for (const LayerPtr& layer : keras_layer_order(model)) {
    for (const Weight& weight : layer->weights()) {
      const auto found = index.find(&weight);
      if (found != index.end()) weights.push_back({layer.get(), &weight, found->second});
    }
  }
  return weights;
}

}  // namespace tutti::keras
