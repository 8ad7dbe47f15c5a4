#include "tutti/experiment/model_file.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <nlohmann/json.hpp>

#include "tutti/base/files.h"
#include "tutti/base/names.h"
#include "tutti/experiment/yaml_json.h"
#include "tutti/experiment/yaml_map.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

// The argument that stands for a lone value: `Dense: 10`.
const std::map<std::string, std::string>& first_arguments() {
  static const std::map<std::string, std::string> kArguments = {{"Input", "shape"},
                                                                {"Dense", "units"},
                                                                {"Dropout", "rate"},
                                                                {"SpatialDropout2D", "rate"},
                                                                {"Activation", "activation"},
                                                                {"Rescaling", "scale"},
                                                                {"Reshape", "target_shape"},
                                                                {"Permute", "dims"},
                                                                {"MaxPooling2D", "pool_size"},
                                                                {"AveragePooling2D", "pool_size"},
                                                                {"ZeroPadding2D", "padding"},
                                                                {"Cropping2D", "cropping"},
                                                                {"UpSampling2D", "size"},
                                                                {"LeakyReLU", "negative_slope"},
                                                                {"ELU", "alpha"},
                                                                {"Concatenate", "axis"}};
  return kArguments;
}

// "max_pooling2d" and "MaxPooling2D" are the same class.
std::string folded(std::string_view name) {
  std::string result;
  for (const char c : name)
    if (c != '_') result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// One entry of the list.
struct Entry {
  std::string class_name, place;
  Json config = Json::object();
  std::vector<std::string> inputs;  // names; empty: the entry before
};

std::string known_class(const std::string& name, const std::string& place) {
  std::vector<std::string> known = layer_classes();
  known.emplace_back("Input");
  for (const std::string& candidate : known)
    if (folded(candidate) == folded(name)) return candidate == "InputLayer" ? "Input" : candidate;
  const std::string nearest = nearest_name(name, known);
  fail(place, "unknown layer '{}'. {}", name,
       nearest.empty() ? fmt::format("Known layers: {}.", fmt::join(known, ", ")) : fmt::format("Did you mean {}?", nearest));
}

Entry read_entry(const YAML::Node& node, const YamlSource& source) {
  Entry entry{.place = source.place(node, "layers")};
  if (node.IsScalar()) {
    entry.class_name = known_class(node.Scalar(), entry.place);
    return entry;
  }
  if (!node.IsMap() || node.size() != 1)
    fail(entry.place, "expected one layer: a class, or {{Class: {{argument: value}}}}. Got {} keys.", node.size());
  entry.class_name = known_class(node.begin()->first.Scalar(), entry.place);
  const YAML::Node value = node.begin()->second;
  if (value.IsMap()) {
    entry.config = json_of_yaml(value);
  } else if (!value.IsNull()) {
    const auto argument = first_arguments().find(entry.class_name);
    if (argument == first_arguments().end())
      fail(entry.place, "{} takes its arguments by name: {{{}: {{argument: value}}}}.", entry.class_name, entry.class_name);
    entry.config[argument->second] = json_of_yaml(value);
  }
  if (const auto inputs = entry.config.find("inputs"); inputs != entry.config.end()) {
    const Json list = inputs->is_array() ? *inputs : Json::array({*inputs});
    for (const Json& name : list) {
      if (!name.is_string()) fail(entry.place, "inputs must be names of layers. Got {}.", name.dump());
      entry.inputs.push_back(name);
    }
    entry.config.erase("inputs");
  }
  return entry;
}

Symbol make_input(const Entry& entry) {
  const auto shape = entry.config.find("shape");
  if (shape == entry.config.end() || !shape->is_array())
    fail(entry.place, "Input needs its shape without the batch: Input: [32, 32, 3].");
  std::vector<std::int64_t> extents;
  for (const Json& extent : *shape) {
    if (!extent.is_number_integer() || extent.get<std::int64_t>() <= 0)
      fail(entry.place, "an extent of Input must be a positive whole number. Got {}.", extent.dump());
    extents.push_back(extent);
  }
  for (const auto& [key, value] : entry.config.items())
    if (key != "shape" && key != "name") fail(entry.place, "unknown argument '{}' of Input. Known: shape, name.", key);
  return Input(Shape(extents), {.name = entry.config.value("name", "")});
}

// Applies the entries one after the other.
class Builder {
 public:
  void add(const Entry& entry) {
    try {
      if (entry.class_name == "Input")
        add_input(entry);
      else
        add_layer(entry);
    } catch (const Error& error) {
      if (std::string_view(error.what()).starts_with("[" + entry.place)) throw;
      throw Error(entry.place, error.what());
    }
  }

  Model model(const std::vector<std::string>& outputs, const std::string& name, const std::string& file) {
    if (handles_.empty() || inputs_.empty()) fail(file, "layers must begin with an Input: Input: [32, 32, 3].");
    if (!functional_ && outputs.empty()) return Sequential(handles_, name);
    std::vector<Symbol> symbols;
    for (const std::string& output : outputs) symbols.push_back(find(output, file));
    if (symbols.empty()) symbols.push_back(last_);
    return Model(inputs_, symbols, name);
  }

 private:
  void add_input(const Entry& entry) {
    const Symbol symbol = make_input(entry);
    if (!inputs_.empty()) functional_ = true;
    inputs_.push_back(symbol);
    handles_.emplace_back(symbol);
    remember(entry, symbol);
  }

  void add_layer(const Entry& entry) {
    if (inputs_.empty()) fail(entry.place, "layers must begin with an Input: Input: [32, 32, 3]. Got {}.", entry.class_name);
    LayerHandle handle(layer_from_config(entry.class_name, entry.config));
    if (!entry.inputs.empty()) functional_ = true;
    handles_.push_back(handle);
    std::vector<Symbol> symbols;
    for (const std::string& name : entry.inputs) symbols.push_back(find(name, entry.place));
    if (symbols.empty()) symbols.push_back(last_);
    remember(entry, symbols.size() == 1 ? handle(symbols.front()) : handle(symbols));
  }

  void remember(const Entry& entry, const Symbol& symbol) {
    last_ = symbol;
    const std::string name = entry.config.value("name", "");
    if (!name.empty() && !symbols_.emplace(name, symbol).second)
      fail(entry.place, "two layers have the name '{}'. Expected different names.", name);
  }

  Symbol find(const std::string& name, const std::string& place) const {
    if (const auto found = symbols_.find(name); found != symbols_.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [known, symbol] : symbols_) names.push_back(known);
    fail(place, "there is no layer named '{}' above. Named layers: {}.", name,
         names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  }

  std::vector<LayerHandle> handles_;
  std::vector<Symbol> inputs_;
  Symbol last_;
  std::map<std::string, Symbol> symbols_;
  bool functional_ = false;
};

}  // namespace

Model model_from_yaml(const std::string& text, const std::string& file) {
  const YamlSource source{.file = file, .overridden = {}};
  const YAML::Node root = parse_yaml(text, file);
  YamlMap map(root, source, "");
  std::string name = fs::path(file).stem().string();
  map.read("name", name);
  const YAML::Node layers = map.child("layers");
  if (!layers.IsDefined() || !layers.IsSequence()) fail(file, "layers is missing. Expected a list of layers.");
  std::vector<std::string> outputs;
  map.read("outputs", outputs);
  map.finish();

  Builder builder;
  for (const YAML::Node& node : layers) builder.add(read_entry(node, source));
  return builder.model(outputs, name, file);
}

Model model_from_file(const fs::path& file) {
  std::error_code code;
  if (!fs::exists(file, code)) fail("model", "there is no file {}. Expected a model: .yaml, .json or .h5.", file.string());
  const std::string extension = file.extension().string();
  constexpr std::size_t kMaxText = std::size_t{16} << 20;  // Keras's model.json of a large network has a few megabytes
  if (extension == ".yaml" || extension == ".yml") return model_from_yaml(read_file(file, kMaxText), file.string());
  if (extension == ".json") return model_from_json(read_file(file, kMaxText));
  if (extension == ".h5" || extension == ".hdf5" || extension == ".keras") return load_model(file, false);
  fail("model", "{} is of no known kind. Expected .yaml, .json, .h5 or .hdf5.", file.string());
}

}  // namespace tutti
