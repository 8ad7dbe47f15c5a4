// Keras configs of models: as Keras 3 writes them, and in the words that Keras 2 and 3 both understand.
#include <algorithm>
#include <map>
#include <set>

#include "tutti/formats/keras/keras_files.h"

namespace tutti::keras {
namespace {

Json shape_json(const Shape& shape) {
  Json extents = Json::array();
  for (const std::int64_t extent : shape) extents.push_back(extent < 0 ? Json(nullptr) : Json(extent));
  return extents;
}

Json float_policy() {
  return {{"module", "keras"}, {"class_name", "DTypePolicy"}, {"config", {{"name", "float32"}}}, {"registered_name", nullptr}};
}

// Initializers that have a plain name in every Keras from 2.0 on.
const std::map<std::string, std::string>& named_initializers() {
  static const std::map<std::string, std::string> kNames = {{"GlorotUniform", "glorot_uniform"},
                                                            {"GlorotNormal", "glorot_normal"},
                                                            {"HeUniform", "he_uniform"},
                                                            {"HeNormal", "he_normal"},
                                                            {"LecunUniform", "lecun_uniform"},
                                                            {"LecunNormal", "lecun_normal"},
                                                            {"Zeros", "zeros"},
                                                            {"Ones", "ones"}};
  return kNames;
}

// {"module", "class_name", "config", ...} of Keras 3 in the words of Keras 2.
Json portable_object(const Json& value, KerasDialect dialect) {
  const std::string class_name = value["class_name"];
  if (class_name == "LecunNormal" && dialect == KerasDialect::kKeras20) {  // Keras 2.0.5 does not have it
    return {{"class_name", "VarianceScaling"}, {"config", {{"scale", 1.0}, {"mode", "fan_in"}, {"distribution", "normal"}}}};
  }
  const auto named = named_initializers().find(class_name);
  if (named != named_initializers().end()) return named->second;
  Json config = Json::object();
  for (const auto& [key, item] : value["config"].items()) {
    if (!item.is_null()) config[key] = item;
  }
  if (class_name == "L1" || class_name == "L2" || class_name == "L1L2") {
    return {{"class_name", "L1L2"}, {"config", {{"l1", config.value("l1", 0.0)}, {"l2", config.value("l2", 0.0)}}}};
  }
  // Keras 2 before TensorFlow's only knows "normal", which all others understand as truncated. For "untruncated_normal" it is
  // the nearest that all load; it matters only to who initialises anew.
  if (class_name == "VarianceScaling" && config["distribution"] != "uniform") config["distribution"] = "normal";
  return {{"class_name", class_name}, {"config", config}};
}

// Keys that an older Keras does not know, with the value that means the same as their absence.
bool is_new_default(const std::string& class_name, const std::string& key, const Json& value) {
  static const std::map<std::string, Json> kDefaults = {
      {"groups", 1},     {"keepdims", false},       {"synchronized", false},         {"interpolation", "nearest"},
      {"renorm", false}, {"renorm_momentum", 0.99}, {"quantization_config", nullptr}};
  const auto found = kDefaults.find(key);
  if (found != kDefaults.end()) return found->second == value;
  if (class_name == "Flatten") return key == "data_format" && value == "channels_last";  // since Keras 2.1.5
  const bool depthwise = class_name == "DepthwiseConv2D" || class_name == "SeparableConv2D";
  return depthwise && key == "dilation_rate" && value == Json({1, 1});
}

// Keras 3's SpatialDropout2D takes neither "trainable" nor an input shape.
bool takes_common_keys(const Layer& layer) { return layer.class_name() != "SpatialDropout2D"; }

Json portable_layer_config(const Layer& layer, KerasDialect dialect) {
  Json config = {{"name", layer.name}};
  if (takes_common_keys(layer)) config["trainable"] = layer.trainable;
  const Json own = layer.config();
  for (const auto& [key, value] : own.items()) {
    // Keras never minds the absence of a key whose value is null.
    if (value.is_null() || is_new_default(layer.class_name(), key, value)) continue;
    const bool slope = layer.class_name() == "LeakyReLU" && key == "negative_slope";
    config[slope ? "alpha" : key] = value.is_object() && value.contains("class_name") ? portable_object(value, dialect) : value;
  }
  return config;
}

class ModelWriter {
 public:
  ModelWriter(const Model& model, KerasDialect dialect, bool with_modules)
      : model_(model),
        dialect_(dialect),
        version_3_(dialect == KerasDialect::kKeras3),
        bare_list_(dialect == KerasDialect::kKeras20),
        with_modules_(with_modules) {
    for (std::size_t i = 0; i < model.nodes().size(); ++i) {
      calls_[model.nodes()[i].layer.get()].push_back(static_cast<int>(i));
    }
  }

  Json write() const {
    const bool sequential = model_.is_sequential();
    Json root = object("keras",
                       sequential   ? "Sequential"
                       : version_3_ ? "Functional"
                                    : "Model",
                       sequential ? sequential_config() : functional_config());
    if (with_modules_ && !sequential) {
      // The class is not exported, so Keras finds it by its place in the sources.
      root["module"] = "keras.src.models.functional";
      root["registered_name"] = "Functional";
    }
    if (with_modules_) root["build_config"] = {{"input_shape", sequential ? input_shape() : Json(nullptr)}};
    const std::vector<std::string> marked = layers_with(kHardSigmoid2);
    if (!marked.empty()) root[kTuttiKey] = {{kHardSigmoid2, marked}};
    return root;
  }

 private:
  Json object(const char* module, const std::string& class_name, Json config) const {
    if (!with_modules_) return {{"class_name", class_name}, {"config", std::move(config)}};
    return {{"module", module}, {"class_name", class_name}, {"config", std::move(config)}, {"registered_name", nullptr}};
  }

  const ModelNode& node(int index) const { return model_.nodes()[static_cast<std::size_t>(index)]; }
  Json input_shape() const { return shape_json(node(model_.input_nodes().front()).shape); }

  Json input_config(const Layer& layer) const {
    const Json shape = shape_json(node(calls_.at(&layer).front()).shape);
    if (!version_3_) return {{"batch_input_shape", shape}, {"dtype", "float32"}, {"sparse", false}, {"name", layer.name}};
    return {{"batch_shape", shape}, {"dtype", "float32"}, {"sparse", false},
            {"ragged", false},      {"name", layer.name}, {"optional", false}};
  }

  // Names of the layers that have this activation.
  std::vector<std::string> layers_with(const char* activation) const {
    std::vector<std::string> names;
    for (const LayerPtr& layer : model_.layers()) {
      if (layer->config().value("activation", "") == activation) names.push_back(layer->name);
    }
    return names;
  }

  Json layer_config(const Layer& layer) const {
    if (layer.class_name() == "InputLayer") return input_config(layer);
    Json config = keras_layer_config(layer);
    // The name in every Keras; the root says for which layers we mean Keras 2's.
    if (config.value("activation", "") == kHardSigmoid2) config["activation"] = "hard_sigmoid";
    return config;
  }

  Json keras_layer_config(const Layer& layer) const {
    if (!version_3_) return portable_layer_config(layer, dialect_);
    Json config = {{"name", layer.name}};
    if (takes_common_keys(layer)) config["trainable"] = layer.trainable;
    config["dtype"] = float_policy();
    config.update(layer.config());
    return config;
  }

  Json layer_entry(const Layer& layer) const {
    Json entry = object("keras.layers", layer.class_name(), layer_config(layer));
    const std::vector<int>& inputs = node(calls_.at(&layer).front()).inputs;
    // Keras 3 notes the shapes for the layers that have something to build.
    static const std::set<std::string> kBuilt = {"Flatten", "Add",     "Subtract", "Multiply",
                                                 "Average", "Maximum", "Minimum",  "Concatenate"};
    if (!with_modules_ || inputs.empty() || (layer.weights().empty() && !kBuilt.contains(layer.class_name()))) return entry;
    Json shapes = Json::array();
    for (const int input : inputs) shapes.push_back(shape_json(node(input).shape));
    entry["build_config"] = {{"input_shape", inputs.size() == 1 ? shapes[0] : shapes}};
    return entry;
  }

  Json sequential_config() const {
    Json layers = Json::array();
    for (const LayerPtr& layer : model_.layers()) {
      if (bare_list_ && layer->class_name() == "InputLayer") continue;
      layers.push_back(layer_entry(*layer));
    }
    if (bare_list_) {
      if (!layers.empty()) layers[0]["config"]["batch_input_shape"] = input_shape();
      return layers;
    }
    // Keras 2.2 and 2.3 drop the InputLayer when they save again, so the layer after it has the shape too.
    if (!version_3_ && layers.size() > 1 && takes_common_keys(*model_.layers()[1])) {
      layers[1]["config"]["batch_input_shape"] = input_shape();
    }
    if (!version_3_) return {{"name", model_.name()}, {"layers", layers}};
    return {{"name", model_.name()},
            {"trainable", true},
            {"dtype", float_policy()},
            {"layers", layers},
            {"build_input_shape", input_shape()}};
  }

  // [layer, call, output]: the value of a node.
  Json reference(int index) const {
    const Layer* layer = node(index).layer.get();
    const std::vector<int>& calls = calls_.at(layer);
    const auto call = std::find(calls.begin(), calls.end(), index) - calls.begin();
    return {layer->name, call, 0};
  }

  Json old_call(const ModelNode& call) const {
    Json inputs = Json::array();
    for (const int input : call.inputs) {
      Json entry = reference(input);
      entry.push_back(Json::object());
      inputs.push_back(std::move(entry));
    }
    return inputs;
  }

  Json new_call(const ModelNode& call) const {
    Json tensors = Json::array();
    for (const int input : call.inputs) {
      tensors.push_back(
          {{"class_name", "__keras_tensor__"},
           {"config", {{"shape", shape_json(node(input).shape)}, {"dtype", "float32"}, {"keras_history", reference(input)}}}});
    }
    const Json kwargs = call.layer->class_name() == "BatchNormalization" ? Json{{"mask", nullptr}} : Json::object();
    // A merging layer takes one list, another layer one tensor.
    Json args = Json::array();
    args.push_back(call.inputs.size() == 1 ? tensors[0] : tensors);
    return {{"args", args}, {"kwargs", kwargs}};
  }

  Json references(const std::vector<int>& nodes) const {
    if (version_3_ && nodes.size() == 1) return reference(nodes.front());
    Json list = Json::array();
    for (const int index : nodes) list.push_back(reference(index));
    return list;
  }

  Json functional_config() const {
    Json layers = Json::array();
    for (const LayerPtr& layer : keras_layer_order(model_)) {
      Json entry = layer_entry(*layer);
      Json calls = Json::array();
      for (const int index : calls_.at(layer.get())) {
        if (!node(index).inputs.empty()) calls.push_back(version_3_ ? new_call(node(index)) : old_call(node(index)));
      }
      entry["name"] = layer->name;
      entry["inbound_nodes"] = std::move(calls);
      layers.push_back(std::move(entry));
    }
    Json config = {{"name", model_.name()}};
    if (version_3_) config["trainable"] = true;
    config["layers"] = std::move(layers);
    config["input_layers"] = references(model_.input_nodes());
    config["output_layers"] = references(model_.output_nodes());
    return config;
  }

  const Model& model_;
  KerasDialect dialect_;
  bool version_3_, bare_list_, with_modules_;
  std::map<const Layer*, std::vector<int>> calls_;  // nodes of each layer, in order
};

}  // namespace

Json model_config(const Model& model, KerasDialect dialect, bool with_modules) {
  return ModelWriter(model, dialect, with_modules).write();
}

}  // namespace tutti::keras
