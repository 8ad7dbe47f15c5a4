// Weights in the groups of Keras's HDF5 files: the legacy layout (Keras 1 to 3, .h5) and Keras 3's own (.weights.h5).
#include <algorithm>
#include <charconv>
#include <map>

#include "tutti/base/error.h"
#include "tutti/formats/keras/keras_files.h"

namespace tutti::keras {
namespace {

std::string join(const std::string& group, const std::string& name) { return group.empty() ? name : group + "/" + name; }

std::vector<LayerPtr> weighted_layers(const Model& model) {
  std::vector<LayerPtr> layers = keras_layer_order(model);
  std::erase_if(layers, [](const LayerPtr& layer) { return layer->weights().empty(); });
  return layers;
}

// Values for some weights, set all at once so that an Error leaves the model as it was.
class PendingWeights {
 public:
  PendingWeights(const Hdf5Reader& file, Model& model) : file_(file), model_(model) {}

  void add(const Layer& layer, const Weight& weight, const std::string& path, bool theano) {
    Tensor value = file_.dataset(path);
    if (value.shape() != weight.shape) {
      throw Error(file_.name(), fmt::format("{}: has not the shape of {} of layer {}. Expected {}. Got {}.", path, weight.name,
                                            layer.name, to_string(weight.shape), to_string(value.shape())));
    }
    if (value.dtype() != DType::kFloat32) value = value.cast(DType::kFloat32);
    values_[&weight] = theano ? rotated_if_kernel(layer, weight, value) : value;
  }

  void commit() {
    std::vector<Tensor> all;
    for (const Weight* weight : model_.weights()) {
      const auto found = values_.find(weight);
      all.push_back(found != values_.end() ? found->second : weight->value);
    }
    model_.set_weights(all);
  }

 private:
  const Hdf5Reader& file_;
  Model& model_;
  std::map<const Weight*, Tensor> values_;
};

struct FileLayer {
  std::string name, group;
  std::vector<std::string> weights;
};

std::vector<FileLayer> file_layers(const Hdf5Reader& file, const std::string& group) {
  const auto names = read_names(file, group, "layer_names");
  if (!names) throw Error(file.name(), fmt::format("/{}: the attribute layer_names is missing: no Keras weights here.", group));
  std::vector<FileLayer> layers;
  for (const std::string& name : *names) {
    FileLayer layer{name, join(group, name), {}};
    const auto weights = read_names(file, layer.group, "weight_names");
    if (!weights) throw Error(file.name(), fmt::format("{}: the attribute weight_names is missing.", layer.group));
    layer.weights = *weights;
    if (!layer.weights.empty()) layers.push_back(std::move(layer));
  }
  return layers;
}

// The model's layers beside those of the file: by name if every name is known, else by order, as Keras does.
std::vector<LayerPtr> match_layers(const Hdf5Reader& file, const std::vector<FileLayer>& stored, const Model& model) {
  std::vector<LayerPtr> layers = weighted_layers(model);
  if (layers.size() != stored.size()) {
    throw Error(file.name(), fmt::format("the file does not belong to this model. Expected {} layers with weights. Got {}.",
                                         layers.size(), stored.size()));
  }
  std::map<std::string, LayerPtr> by_name;
  for (const LayerPtr& layer : layers) by_name[layer->name] = layer;
  std::vector<LayerPtr> named;
  for (const FileLayer& layer : stored) {
    const auto found = by_name.find(layer.name);
    if (found == by_name.end()) return layers;
    named.push_back(found->second);
    by_name.erase(found);
  }
  return named;
}

// Keras 3's name of a layer's group: its class in snake case with a counter for each class.
class GroupNames {
 public:
  std::string next(const Layer& layer) {
    const std::string name = to_snake_case(layer.class_name());
    const int count = counters_[name]++;
    return count == 0 ? name : fmt::format("{}_{}", name, count);
  }

 private:
  std::map<std::string, int> counters_;
};

std::vector<LayerPtr> layers_of_version_3(const Model& model) {
  std::vector<LayerPtr> layers = keras_layer_order(model);
  // A functional model counts its inputs, a Sequential does not.
  if (model.is_sequential()) std::erase_if(layers, [](const LayerPtr& layer) { return layer->class_name() == "InputLayer"; });
  return layers;
}

}  // namespace

Origin read_origin(const Hdf5Reader& file, const std::string& weights_group) {
  Origin origin;
  const auto read = [&](const char* name) {
    const auto in_group = file.string_attribute(weights_group, name);
    return in_group ? in_group : file.string_attribute("", name);
  };
  if (const auto version = read("keras_version")) {
    const char* end = version->data() + version->size();
    const char* position = version->data();
    for (int* part : {&origin.major, &origin.minor, &origin.patch}) {
      const auto result = std::from_chars(position, end, *part);
      if (result.ec != std::errc{}) break;
      position = std::min(result.ptr + 1, end);
    }
    origin.tensorflow = version->find("-tf") != std::string::npos || (origin.major == 2 && !origin.up_to(2, 3, 99));
  }
  origin.theano = read("backend") == "theano";
  origin.tutti = file.has_attribute("", "tutti_version");
  return origin;
}

std::optional<std::vector<std::string>> read_names(const Hdf5Reader& file, std::string_view object, const std::string& name) {
  if (auto names = file.strings_attribute(object, name)) return names;
  std::optional<std::vector<std::string>> all;
  for (int part = 0;; ++part) {
    const auto names = file.strings_attribute(object, name + std::to_string(part));
    if (!names) return all;
    if (!all) all.emplace();
    all->insert(all->end(), names->begin(), names->end());
  }
}

Tensor rotated_if_kernel(const Layer& layer, const Weight& weight, const Tensor& value) {
  const Shape& shape = value.shape();
  if (layer.class_name() != "Conv2D" || weight.name != "kernel" || shape != weight.shape || shape.rank() != 4) return value;
  // Reversing rows and columns of (k_h, k_w, c_in, c_out) is reversing the order of its k_h * k_w matrices.
  Tensor rotated(shape);
  const auto matrix = static_cast<std::size_t>(shape[2] * shape[3]);
  const auto count = static_cast<std::size_t>(shape[0] * shape[1]);
  for (std::size_t i = 0; i < count; ++i) {
    std::ranges::copy(value.data<float>().subspan((count - 1 - i) * matrix, matrix),
                      rotated.data<float>().begin() + static_cast<std::ptrdiff_t>(i * matrix));
  }
  return rotated;
}

void read_weights(const Hdf5Reader& file, const std::string& group, Model& model) {
  const Origin origin = read_origin(file, group);
  const std::vector<FileLayer> stored = file_layers(file, group);
  const std::vector<LayerPtr> layers = match_layers(file, stored, model);
  PendingWeights pending(file, model);
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const std::vector<Weight>& weights = layers[i]->weights();
    if (weights.size() != stored[i].weights.size()) {
      throw Error(file.name(), fmt::format("{}: does not fit layer {}. Expected {} weights. Got {}.", stored[i].group,
                                           layers[i]->name, weights.size(), stored[i].weights.size()));
    }
    for (std::size_t w = 0; w < weights.size(); ++w) {
      pending.add(*layers[i], weights[w], join(stored[i].group, stored[i].weights[w]), origin.theano);
    }
  }
  pending.commit();
}

void write_weights(Hdf5Writer& file, const std::string& group, const Model& model, KerasDialect dialect) {
  const bool version_3 = dialect == KerasDialect::kKeras3;
  // Fixed-length names are read alike by h5py 2 and 3, so by every Keras; Keras 3 itself gets variable ones from h5py 3.
  const Hdf5String kind = version_3 ? Hdf5String::kAscii : Hdf5String::kFixed;
  std::vector<LayerPtr> layers = layers_of_version_3(model);
  std::vector<std::string> names;
  for (const LayerPtr& layer : layers) names.push_back(layer->name);
  file.names(group, "layer_names", names, kind);
  (void)model.weights();  // brings the values up to date
  // By name, so that "a" comes before "a/b".
  std::ranges::sort(layers, {}, [](const LayerPtr& layer) { return layer->name; });
  const std::string prefix = version_3 && model.is_sequential() ? model.name() + "/" : "";
  for (const LayerPtr& layer : layers) {
    const std::string place = join(group, layer->name);
    file.group(place);
    std::vector<std::string> paths;
    for (const Weight& weight : layer->weights()) {
      paths.push_back(fmt::format("{}{}/{}{}", prefix, layer->name, weight.name, version_3 ? "" : ":0"));
    }
    file.names(place, "weight_names", paths, kind);
    for (std::size_t i = 0; i < paths.size(); ++i) file.dataset(join(place, paths[i]), layer->weights()[i].value);
  }
  if (!version_3) return;
  file.group(join(group, "top_level_model_weights"));
  file.names(join(group, "top_level_model_weights"), "weight_names", {}, kind);
}

void read_weights_v3(const Hdf5Reader& file, Model& model) {
  PendingWeights pending(file, model);
  GroupNames names;
  for (const LayerPtr& layer : layers_of_version_3(model)) {
    const std::string place = "layers/" + names.next(*layer) + "/vars";
    for (std::size_t i = 0; i < layer->weights().size(); ++i) {
      pending.add(*layer, layer->weights()[i], fmt::format("{}/{}", place, i), false);
    }
  }
  pending.commit();
}

void write_weights_v3(Hdf5Writer& file, const Model& model) {
  (void)model.weights();  // brings the values up to date
  GroupNames names;
  for (const LayerPtr& layer : layers_of_version_3(model)) {
    const std::string place = "layers/" + names.next(*layer) + "/vars";
    file.group(place);
    file.attribute(place, "name", layer->name, Hdf5String::kUtf8);
    for (std::size_t i = 0; i < layer->weights().size(); ++i) {
      file.dataset(fmt::format("{}/{}", place, i), layer->weights()[i].value);
    }
  }
  file.group("vars");
  file.attribute("vars", "name", model.name(), Hdf5String::kUtf8);
}

}  // namespace tutti::keras
