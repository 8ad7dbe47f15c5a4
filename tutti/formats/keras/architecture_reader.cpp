// Models from Keras's configs: Sequential (a list of layers, or a dictionary with one) and functional (old and new form of
// inbound_nodes).
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "tutti/base/error.h"
#include "tutti/formats/keras/keras_files.h"

namespace tutti::keras {
namespace {

// No real image or feature has more; products of extents stay far from overflow.
constexpr std::int64_t kMaxExtent = std::int64_t{1} << 24;
constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;

const Json& member(const Json& object, const char* key, std::string_view where) {
  if (!object.is_object()) fail(where, "expected an object with {}. Got {}.", key, object.type_name());
  const auto found = object.find(key);
  if (found == object.end()) fail(where, "the key {} is missing.", key);
  return *found;
}

std::string text_member(const Json& object, const char* key, std::string_view where) {
  const Json& value = member(object, key, where);
  if (!value.is_string()) fail(where, "{} must be a text. Got {}.", key, value.type_name());
  return value.get<std::string>();
}

// What a layer's entry says it is, with the names of Keras 1 brought up to date.
struct LayerEntry {
  std::string class_name;
  Json config;
};

// Keras 1's Merge(mode).
std::string merge_class(const Json& config) {
  const std::string mode = config.value("mode", std::string("sum"));
  static const std::map<std::string, std::string> kClasses = {
      {"sum", "Add"}, {"mul", "Multiply"}, {"concat", "Concatenate"}, {"ave", "Average"}, {"max", "Maximum"}};
  const auto found = kClasses.find(mode);
  if (found == kClasses.end()) fail("Merge", "tutti does not have mode {}.", mode);
  return found->second;
}

LayerEntry layer_entry(const Json& entry) {
  LayerEntry layer{text_member(entry, "class_name", "layer"), member(entry, "config", "layer")};
  if (layer.class_name == "Convolution2D" || layer.class_name == "AtrousConvolution2D") layer.class_name = "Conv2D";
  if (layer.class_name == "SeparableConvolution2D") layer.class_name = "SeparableConv2D";
  if (!layer.config.is_object()) return layer;
  if (layer.config.contains("atrous_rate")) {
    layer.config["dilation_rate"] = layer.config["atrous_rate"];
    layer.config.erase("atrous_rate");
  }
  if (layer.class_name == "Merge") {
    layer.class_name = merge_class(layer.config);
    Json config = {{"name", layer.config.value("name", std::string())}};
    if (layer.class_name == "Concatenate") config["axis"] = layer.config.value("concat_axis", -1);
    layer.config = std::move(config);
  }
  return layer;
}

// The input shape without the batch, or nullopt if the config has none.
std::optional<Shape> input_shape(const Json& config) {
  for (const char* key : {"batch_input_shape", "batch_shape", "shape"}) {
    const auto found = config.find(key);
    if (found == config.end() || !found->is_array()) continue;
    std::vector<std::int64_t> extents;
    for (std::size_t i = key == std::string_view("shape") ? 0 : 1; i < found->size(); ++i) {
      const Json& extent = (*found)[i];
      if (!extent.is_number_integer()) {
        fail("InputLayer", "tutti needs all extents but the batch to be known. Got {} in {}.", extent.dump(), found->dump());
      }
      const auto value = extent.get<std::int64_t>();
      if (value < 1 || value > kMaxExtent) fail("InputLayer", "extents must be between 1 and {}. Got {}.", kMaxExtent, value);
      extents.push_back(value);
    }
    return Shape(std::move(extents));
  }
  return std::nullopt;
}

// Counts what a model would allocate while its layers are built, before anything is.
class Budget {
 public:
  explicit Budget(std::int64_t max_parameters) : left_(max_parameters) {}

  Symbol call(const LayerHandle& layer, std::vector<Symbol> inputs) {
    const bool first = !layer->built;
    Symbol output = layer(std::move(inputs));
    check_shape(layer->name, output.shape());
    if (!first) return output;
    for (const Weight& weight : layer->weights()) {
      check_shape(layer->name, weight.shape);
      left_ -= weight.shape.elements();
      if (left_ < 0) {
        fail(layer->name, "the model has more parameters than its file has room for: weight {} has shape {}.", weight.name,
             to_string(weight.shape));
      }
    }
    return output;
  }

  static void check_shape(std::string_view layer, const Shape& shape) {
    std::int64_t elements = 1;
    for (const std::int64_t extent : shape) {
      if (extent == -1) continue;
      if (extent < 0 || (extent > 0 && elements > kMaxElements / extent)) {
        fail(layer, "the shape {} is too large.", to_string(shape));
      }
      elements *= extent;
    }
  }

 private:
  std::int64_t left_;
};

LayerHandle make_layer(const LayerEntry& entry) {
  static const std::set<std::string> kModels = {"Sequential", "Model", "Functional"};
  if (kModels.contains(entry.class_name)) {
    fail(entry.class_name, "a model as a layer of another is not supported. Build it as one model.");
  }
  return layer_from_config(entry.class_name, entry.config);
}

Model build_sequential(const Json& config, Budget budget) {
  const Json& entries = config.is_array() ? config : member(config, "layers", "Sequential");
  if (!entries.is_array() || entries.empty()) fail("Sequential", "the list of layers is missing or empty.");
  std::vector<LayerHandle> layers;
  Symbol symbol;
  for (const Json& json : entries) {
    const LayerEntry entry = layer_entry(json);
    if (layers.empty()) {
      auto shape = input_shape(entry.config);
      if (!shape && config.is_object() && config.contains("build_input_shape")) {
        shape = input_shape({{"batch_shape", config["build_input_shape"]}});
      }
      if (!shape) fail("Sequential", "the model does not say its input shape. Expected batch_input_shape in the first layer.");
      Budget::check_shape("InputLayer", *shape);
      const bool is_input = entry.class_name == "InputLayer";
      symbol = Input(*shape, {.name = is_input ? entry.config.value("name", std::string()) : std::string()});
      layers.push_back(symbol);
      if (is_input) continue;
    }
    layers.push_back(make_layer(entry));
    symbol = budget.call(layers.back(), {symbol});
  }
  const std::string name = config.is_object() ? config.value("name", std::string()) : std::string();
  return Sequential(std::move(layers), name);
}

// (layer, index of its call): how Keras names an intermediate value.
using CallKey = std::pair<std::string, std::int64_t>;

CallKey call_key(const Json& reference, std::string_view where) {
  if (!reference.is_array() || reference.size() < 3 || !reference[0].is_string() || !reference[1].is_number_integer() ||
      !reference[2].is_number_integer()) {
    fail(where, "expected [layer, call, output]. Got {}.", reference.dump());
  }
  if (reference[2].get<std::int64_t>() != 0) fail(where, "layers with several outputs are not supported.");
  return {reference[0].get<std::string>(), reference[1].get<std::int64_t>()};
}

// Keras 3: the __keras_tensor__ objects within "args", in their order.
void collect_tensors(const Json& value, std::string_view where, std::vector<CallKey>& keys) {
  if (value.is_object() && value.value("class_name", Json()) == "__keras_tensor__") {
    keys.push_back(call_key(member(member(value, "config", where), "keras_history", where), where));
  } else if (value.is_array() || value.is_object()) {
    for (const Json& item : value) collect_tensors(item, where, keys);
  }
}

std::vector<CallKey> call_inputs(const Json& node, std::string_view where) {
  std::vector<CallKey> keys;
  if (node.is_object()) {
    collect_tensors(member(node, "args", where), where, keys);
    const std::size_t positional = keys.size();
    if (node.contains("kwargs")) collect_tensors(node["kwargs"], where, keys);
    if (keys.size() != positional) fail(where, "a value given by keyword is not supported.");
  } else if (node.is_array()) {
    for (const Json& reference : node) keys.push_back(call_key(reference, where));
  }
  if (keys.empty()) fail(where, "a call has no inputs. Got {}.", node.dump());
  return keys;
}

class FunctionalBuilder {
 public:
  FunctionalBuilder(const Json& config, Budget budget) : budget_(budget) {
    const Json& entries = member(config, "layers", "Model");
    if (!entries.is_array()) fail("Model", "layers must be a list. Got {}.", entries.type_name());
    for (const Json& json : entries) add_layer(json);
    connect();
    run_calls();
  }

  std::vector<Symbol> symbols(const Json& references) const {
    std::vector<CallKey> keys;
    if (references.is_array() && !references.empty() && references[0].is_string()) {
      keys.push_back(call_key(references, "Model"));  // Keras 3: a single one stands bare
    } else {
      for (const Json& reference : references) keys.push_back(call_key(reference, "Model"));
    }
    std::vector<Symbol> found;
    for (const CallKey& key : keys) {
      const auto symbol = symbols_.find(key);
      if (symbol == symbols_.end()) fail("Model", "the value of call {} of layer {} does not exist.", key.second, key.first);
      found.push_back(symbol->second);
    }
    return found;
  }

 private:
  struct Call {
    LayerHandle layer;
    CallKey key;
    std::vector<CallKey> inputs;
    std::size_t missing = 0;
  };

  void add_layer(const Json& json) {
    const LayerEntry entry = layer_entry(json);
    const std::string name =
        json.contains("name") ? text_member(json, "name", "layer") : entry.config.value("name", std::string());
    if (!names_.insert(name).second) fail("Model", "the layer name {} is used twice.", name);
    if (entry.class_name == "InputLayer") {
      const auto shape = input_shape(entry.config);
      if (!shape) fail(name, "the input does not say its shape.");
      Budget::check_shape(name, *shape);
      symbols_.emplace(CallKey{name, 0}, Input(*shape, {.name = name}));
      return;
    }
    const LayerHandle layer = make_layer(entry);
    layer->name = name;
    const Json& nodes = member(json, "inbound_nodes", name);
    if (!nodes.is_array()) fail(name, "inbound_nodes must be a list. Got {}.", nodes.type_name());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      calls_.push_back({layer, {name, static_cast<std::int64_t>(i)}, call_inputs(nodes[i], name)});
    }
  }

  // Counts for each call the inputs that no call has made yet.
  void connect() {
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      for (const CallKey& input : calls_[i].inputs) {
        if (symbols_.contains(input)) continue;
        waiting_[input].push_back(i);
        ++calls_[i].missing;
      }
      if (calls_[i].missing == 0) ready_.push_back(i);
    }
  }

  void run_calls() {
    std::size_t done = 0;
    for (; !ready_.empty(); ++done) {
      const Call& call = calls_[ready_.front()];
      ready_.pop_front();
      std::vector<Symbol> inputs;
      for (const CallKey& input : call.inputs) inputs.push_back(symbols_.at(input));
      symbols_.emplace(call.key, budget_.call(call.layer, std::move(inputs)));
      for (const std::size_t next : waiting_[call.key]) {
        if (--calls_[next].missing == 0) ready_.push_back(next);
      }
    }
    if (done == calls_.size()) return;
    const auto stuck = std::ranges::find_if(calls_, [](const Call& call) { return call.missing > 0; });
    fail("Model", "the inputs of layer {} do not exist or go in a circle.", stuck->key.first);
  }

  Budget budget_;
  std::set<std::string> names_;
  std::vector<Call> calls_;
  std::map<CallKey, Symbol> symbols_;
  std::map<CallKey, std::vector<std::size_t>> waiting_;
  std::deque<std::size_t> ready_;
};

// "hard_sigmoid" in any of the ways of writing an activation.
bool is_hard_sigmoid(const Json& activation) {
  const Json name = "hard_sigmoid";
  if (!activation.is_object()) return activation == name;
  return activation.value("class_name", Json()) == name || activation.value("config", Json()) == name;
}

// Puts Keras 2's hard_sigmoid into the layers that mean it: all of an old Keras, or those that `marked` names.
void set_old_hard_sigmoid(Json& body, bool old_keras, const std::set<std::string>& marked) {
  Json* layers = &body;
  if (body.is_object() && body.contains("layers")) layers = &body["layers"];
  if (!layers->is_array()) return;
  for (Json& layer : *layers) {
    if (!layer.is_object() || !layer.contains("config") || !layer["config"].is_object()) continue;
    Json& config = layer["config"];
    if (!config.contains("activation") || !is_hard_sigmoid(config["activation"])) continue;
    if (old_keras || marked.contains(config.value("name", std::string()))) config["activation"] = kHardSigmoid2;
  }
}

std::set<std::string> marked_layers(const Json& config) {
  std::set<std::string> names;
  const Json ours = config.value(kTuttiKey, Json::object());
  const Json marked = ours.is_object() ? ours.value(kHardSigmoid2, Json::array()) : Json::array();
  for (const Json& name : marked) {
    if (name.is_string()) names.insert(name.get<std::string>());
  }
  return names;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view where) {
  constexpr int kMaxDepth = 64;  // a model has about ten; deeper ones would overflow the stack of whoever walks them
  const Json::parser_callback_t check_depth = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) fail(where, "the JSON text is nested too deeply. Expected at most {} levels.", kMaxDepth);
    return true;
  };
  try {
    return Json::parse(text, check_depth);
  } catch (const Json::exception& error) {
    fail(where, "this is no valid JSON: {}.", error.what());
  }
}

Model build_model(const Json& config, std::int64_t max_parameters, bool old_keras) try {
  const std::string class_name = text_member(config, "class_name", "model_config");
  Json body = member(config, "config", "model_config");
  set_old_hard_sigmoid(body, old_keras, marked_layers(config));
  if (class_name == "Sequential") return build_sequential(body, Budget(max_parameters));
  if (class_name != "Model" && class_name != "Functional") {
    fail("model_config", "tutti does not have the model class {}. Expected Sequential, Functional or Model.", class_name);
  }
  const FunctionalBuilder builder(body, Budget(max_parameters));
  return Model(builder.symbols(member(body, "input_layers", "Model")), builder.symbols(member(body, "output_layers", "Model")),
               body.value("name", std::string()));
} catch (const Json::exception& error) {
  fail("model_config", "has a value of a wrong type: {}.", error.what());
}

}  // namespace tutti::keras
