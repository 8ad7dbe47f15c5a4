// The parts of reading and writing Keras files. Internal to formats/keras.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "tutti/formats/keras/hdf5_reader.h"
#include "tutti/formats/keras/hdf5_writer.h"
#include "tutti/formats/keras/keras.h"
#include "tutti/nn/model.h"

namespace tutti::keras {

// Who wrote a file, from its attributes.
struct Origin {
  int major = 1, minor = 0, patch = 0;  // Keras 1 wrote no version
  bool tensorflow = false;              // tf.keras: "2.2.4-tf", or 2.4 and later
  bool theano = false;                  // kernels are rotated by 180 degrees
  bool tutti = false;
  // At most version a.b.c.
  bool up_to(int a, int b, int c) const { return std::tie(major, minor, patch) <= std::tie(a, b, c); }
};
Origin read_origin(const Hdf5Reader& file, const std::string& weights_group);

// JSON text -> value. Error (named `where`) if it is no JSON or nested more deeply than any model.
Json parse_json(std::string_view text, std::string_view where);

// --- architecture ---

// A key beside "config" or in training_config, which no Keras reads: what Keras's own words do not say.
//   of a model:      {"hard_sigmoid_keras2": names of the layers whose hard_sigmoid is Keras 2's}
//   of its training: {"metrics": names as in CompileOptions, "optimizer": keys of its config}
constexpr const char* kTuttiKey = "tutti";
constexpr const char* kHardSigmoid2 = "hard_sigmoid_keras2";

// A model from {"class_name", "config"} of Keras 1 to 3. `max_parameters` bounds what a hostile config can allocate.
// `old_keras`: written by Keras 1 or 2, whose hard_sigmoid had another slope.
Model build_model(const Json& config, std::int64_t max_parameters, bool old_keras);

// The layers in the order in which Keras lists them after loading the model's config: files map weights by that order.
std::vector<LayerPtr> keras_layer_order(const Model& model);

// {"class_name", "config"}. `with_modules` is model.to_json(): each object says its module and how it was built.
Json model_config(const Model& model, KerasDialect dialect, bool with_modules);

// --- weights ---

// An array of names that may be split into name0, name1, ...; absent: nullopt.
std::optional<std::vector<std::string>> read_names(const Hdf5Reader& file, std::string_view object, const std::string& name);
// Reads layer_names and their groups into the model. Layers are found by name if all names fit, else by order. `group` is
// "model_weights", or "" in a file of weights only.
void read_weights(const Hdf5Reader& file, const std::string& group, Model& model);
void write_weights(Hdf5Writer& file, const std::string& group, const Model& model, KerasDialect dialect);
// Keras 3's .weights.h5: layers/<class>_<k>/vars/<i>.
void read_weights_v3(const Hdf5Reader& file, Model& model);
void write_weights_v3(Hdf5Writer& file, const Model& model);
// Rotates a convolution kernel (k_h, k_w, ...) by 180 degrees if the weight is one that Theano keeps rotated.
Tensor rotated_if_kernel(const Layer& layer, const Weight& weight, const Tensor& value);

// --- compilation and optimizer ---

// Compiles the model as training_config says, or warns and leaves it as it is when tutti cannot.
void compile_from_config(Model& model, const Json& training_config, const Origin& origin, std::string_view where);
Json training_config(const Model& model, KerasDialect dialect);
Json optimizer_config(const Model& model, KerasDialect dialect);
// What every Keras 2 calls this metric; "" if not all have it.
std::string metric_of_keras2(const std::string& name, const CompileOptions& compiled);
// Warns and starts afresh when the stored state does not fit, as Keras does.
void read_optimizer(const Hdf5Reader& file, Model& model, const Origin& origin);
void write_optimizer(Hdf5Writer& file, const Model& model, KerasDialect dialect);
// The trainable weights in Keras's order, each with its place in Model::trainable_weights().
struct TrainableWeight {
  const Layer* layer;
  const Weight* weight;
  std::size_t index;
};
std::vector<TrainableWeight> trainable_in_keras_order(const Model& model);

// --- what a dialect cannot say ---

// Warns, once a process for each message, of what Keras will miss or understand otherwise in a file of this dialect.
void warn_of_gaps(const Model& model, const SaveOptions& options);
// Error if Keras 3 refuses the name of a layer, unless the dialect is not for Keras 3.
void check_names(const Model& model, KerasDialect dialect);

}  // namespace tutti::keras
