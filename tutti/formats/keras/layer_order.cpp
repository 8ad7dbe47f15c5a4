// Keras's order of layers, which is the model's own.
#include <map>

#include "tutti/formats/keras/keras_files.h"

namespace tutti::keras {

std::vector<LayerPtr> keras_layer_order(const Model& model) { return model.layers(); }

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
