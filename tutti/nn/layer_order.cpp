#include "tutti/nn/layer_order.h"

#include <algorithm>
#include <map>
#include <set>

namespace tutti {
namespace {

class DepthOrder {
 public:
  DepthOrder(const std::vector<ModelNode>& nodes, std::span<const int> outputs) : nodes_(nodes) {
    for (const int output : outputs) walk(output);
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

std::vector<LayerPtr> layers_by_depth(const std::vector<ModelNode>& nodes, std::span<const int> outputs,
                                      const std::vector<LayerPtr>& layers) {
  return DepthOrder(nodes, outputs).layers(layers);
}

}  // namespace tutti
