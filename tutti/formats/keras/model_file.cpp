// Whole models and weights as files; the members of Model that nn/model.h leaves to this part.
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/formats/keras/keras_files.h"

namespace tutti {

using namespace keras;

namespace {

// A compressed file unpacks to at most about a thousand times its size (see hdf5_data.cpp).
constexpr std::int64_t kMaxParametersPerByte = 260;
// model.json has no weights to measure it by: 8 GiB of float32.
constexpr std::int64_t kMaxParametersOfJson = std::int64_t{1} << 31;

constexpr const char* kVersion3 = "3.15.1";  // whose layout dialect kKeras3 is
constexpr const char* kVersion20 = "2.0.5";
constexpr const char* kVersion2 = "2.3.1";

const char* version_of(KerasDialect dialect) {
  if (dialect == KerasDialect::kKeras3) return kVersion3;
  return dialect == KerasDialect::kKeras20 ? kVersion20 : kVersion2;
}

void check_extension(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".keras") {
    fail(path.string(), "the .keras format is not supported yet. Expected .h5 or .hdf5.");
  }
  if (extension != ".h5" && extension != ".hdf5") {
    fail(path.string(), "unknown model format. Expected a name that ends in .h5 or .hdf5. Got {}.", extension);
  }
}

void check_zip(std::string_view bytes, const std::string& name) {
  if (!bytes.starts_with("PK\x03\x04")) return;
  fail(name, "this is a zip archive, most likely Keras's .keras format, which is not supported yet. Expected .h5 or .hdf5.");
}

Hdf5Reader open_file(std::string bytes, const std::string& name) {
  check_zip(bytes, name);
  return Hdf5Reader(std::move(bytes), name);
}

void write_origin(Hdf5Writer& file, const std::string& object, KerasDialect dialect) {
  // Our kernels are TensorFlow's, not Theano's: Keras 2 on Theano rotates them when it reads this. Keras 2 needs bytes.
  const bool root_of_3 = dialect == KerasDialect::kKeras3 && object.empty();
  const Hdf5String kind = root_of_3 ? Hdf5String::kUtf8 : Hdf5String::kAscii;
  file.attribute(object, "keras_version", version_of(dialect), kind);
  file.attribute(object, "backend", "tensorflow", kind);
}

// As Python's json.dumps: pure ASCII.
std::string ascii(const Json& value) { return value.dump(-1, ' ', true); }

// Text longer than an attribute may be is an array of its bytes.
constexpr const char* kAttachment = "tutti";

std::string attached_tensor(std::size_t index) { return fmt::format("{}/{}", kAttachment, index); }

void write_attachment(Hdf5Writer& file, const Attachment& attachment) {
  Tensor text({static_cast<std::int64_t>(attachment.text.size())}, DType::kUInt8);
  std::ranges::copy(attachment.text, static_cast<char*>(text.raw()));
  file.group(kAttachment);
  file.dataset(fmt::format("{}/text", kAttachment), text);
  for (std::size_t i = 0; i < attachment.tensors.size(); ++i) file.dataset(attached_tensor(i), attachment.tensors[i]);
}

void write_model(const Model& model, const std::filesystem::path& path, const SaveOptions& options) {
  Hdf5Writer file(path);
  write_origin(file, "", options.dialect);
  file.attribute("", "tutti_version", TUTTI_VERSION, Hdf5String::kAscii);
  file.attribute("", "model_config", ascii(model_config(model, options.dialect, false)), Hdf5String::kAscii);
  const bool with_optimizer = options.include_optimizer && model.is_compiled();
  if (with_optimizer) file.attribute("", "training_config", ascii(training_config(model, options.dialect)), Hdf5String::kAscii);
  file.group("model_weights");
  write_origin(file, "model_weights", options.dialect);
  write_weights(file, "model_weights", model, options.dialect);
  if (with_optimizer) write_optimizer(file, model, options.dialect);
  if (options.attachment) write_attachment(file, *options.attachment);
  file.close();
}

}  // namespace

void save_model(const Model& model, const std::filesystem::path& path, const SaveOptions& options) {
  check_extension(path);
  check_names(model, options.dialect);
  warn_of_gaps(model, options);
  write_model(model, path, options);
}

Attachment load_attachment(const std::filesystem::path& path) {
  const Hdf5Reader file = open_file(read_file(path), path.string());
  const Tensor text = file.dataset(fmt::format("{}/text", kAttachment));
  if (text.dtype() != DType::kUInt8) fail(path.string(), "{}/text: expected bytes.", kAttachment);
  const char* bytes = static_cast<const char*>(text.raw());
  Attachment attachment{.text = {bytes, bytes + text.elements()}, .tensors = {}};
  while (file.exists(attached_tensor(attachment.tensors.size())))
    attachment.tensors.push_back(file.dataset(attached_tensor(attachment.tensors.size())));
  return attachment;
}

void Model::save(const std::filesystem::path& path, bool include_optimizer) const {
  save_model(*this, path, {.include_optimizer = include_optimizer});
}

void Model::save_weights(const std::filesystem::path& path) const {
  check_extension(path);
  Hdf5Writer file(path);
  if (path.string().ends_with(".weights.h5")) {  // the name that makes Keras 3 expect its own layout
    write_weights_v3(file, *this);
  } else {
    write_origin(file, "", KerasDialect::kPortable);
    write_weights(file, "", *this, KerasDialect::kPortable);
  }
  file.close();
}

void Model::load_weights(const std::filesystem::path& path) {
  const Hdf5Reader file = open_file(read_file(path), path.string());
  if (file.exists("model_weights")) return read_weights(file, "model_weights", *this);
  if (read_names(file, "", "layer_names")) return read_weights(file, "", *this);
  if (file.exists("layers")) return read_weights_v3(file, *this);
  fail(path.string(), "/: no weights of Keras here. Expected the attribute layer_names or the group layers.");
}

std::string Model::to_json() const {
  Json root = model_config(*this, KerasDialect::kKeras3, true);
  if (is_compiled()) {
    Json config = training_config(*this, KerasDialect::kKeras3);
    config.erase("optimizer_config");
    Json optimizer = optimizer_config(*this, KerasDialect::kKeras3);
    Json compile_config = {{"optimizer",
                            {{"module", "keras.optimizers"},
                             {"class_name", optimizer["class_name"]},
                             {"config", optimizer["config"]},
                             {"registered_name", nullptr}}}};
    for (const auto& [key, value] : config.items()) compile_config[key] = value;
    compile_config["loss"] = compiled().loss ? compiled().loss->config() : Json(nullptr);
    root["compile_config"] = std::move(compile_config);
  }
  return ascii(root);
}

Model load_model_from_bytes(std::string bytes, const std::string& name, bool compile) {
  const auto max_parameters = static_cast<std::int64_t>(bytes.size()) * kMaxParametersPerByte;
  const Hdf5Reader file = open_file(std::move(bytes), name);
  const auto config = file.string_attribute("", "model_config");
  if (!config) {
    fail(name, "/: the attribute model_config is missing. Expected a whole model. A file of weights is read by load_weights.");
  }
  const Origin origin = read_origin(file, "model_weights");
  const Json root = parse_json(*config, name + ": model_config");
  Model model = build_model(root, max_parameters, !origin.tutti && origin.major < 3);
  read_weights(file, "model_weights", model);
  const auto training = compile ? file.string_attribute("", "training_config") : std::nullopt;
  if (!training) return model;
  compile_from_config(model, parse_json(*training, name + ": training_config"), origin, name);
  if (model.is_compiled() && file.exists("optimizer_weights")) read_optimizer(file, model, origin);
  return model;
}

Model load_model(const std::filesystem::path& path, bool compile) {
  return load_model_from_bytes(read_file(path), path.string(), compile);
}

Model model_from_json(std::string_view json) {
  const Json root = parse_json(json, "model_from_json");
  // Keras 1 and 2 say their version here, Keras 3 does not.
  const Json version = root.is_object() ? root.value("keras_version", Json()) : Json();
  const bool old_keras = version.is_string() && version.get<std::string>() < "3";
  return build_model(root, kMaxParametersOfJson, old_keras);
}

}  // namespace tutti
