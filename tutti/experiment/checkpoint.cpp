#include "tutti/experiment/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/formats/keras/keras.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

// JSON has no infinity and no NaN.
Json to_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}
double to_double(const Json& json) {
  if (json == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (json == "inf") return std::numeric_limits<double>::infinity();
  if (json == "-inf") return -std::numeric_limits<double>::infinity();
  return json.get<double>();
}

Json history_json(const History& history) {
  Json epochs = Json::array();
  for (std::size_t i = 0; i < history.logs.size(); ++i) {
    Json values = Json::array();
    for (const auto& [name, value] : history.logs[i]) values.push_back({name, to_json(value)});
    epochs.push_back({{"epoch", history.epoch[i]}, {"logs", values}});
  }
  return {{"epochs", epochs}, {"stop_reason", history.stop_reason}};
}

History history_of(const Json& json) {
  History history;
  for (const Json& item : json.at("epochs")) {
    Logs logs;
    for (const Json& value : item.at("logs")) logs.set(value.at(0).get<std::string>(), to_double(value.at(1)));
    history.epoch.push_back(item.at("epoch"));
    history.logs.push_back(std::move(logs));
  }
  history.stop_reason = json.at("stop_reason");
  return history;
}

// Gives out the tensors of an attachment one after the other.
class Tensors {
 public:
  explicit Tensors(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {}
  std::vector<Tensor> take(std::size_t count) {
    if (count > tensors_.size() - next_) fail("checkpoint", "arrays are missing.");
    const auto begin = tensors_.begin() + static_cast<std::ptrdiff_t>(next_);
    next_ += count;
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
  }

 private:
  std::vector<Tensor> tensors_;
  std::size_t next_ = 0;
};

}  // namespace

void write_checkpoint(const fs::path& file, const Model& model, const TrainingState& training) {
  const OptimizerState optimizer = model.optimizer_state();
  Attachment attachment;
  auto& tensors = attachment.tensors;
  Json callbacks = Json::array(), meters = Json::array();
  tensors.insert(tensors.end(), optimizer.scalars.begin(), optimizer.scalars.end());
  for (const auto& slots : optimizer.slots) tensors.insert(tensors.end(), slots.begin(), slots.end());
  for (const CallbackState& state : training.callbacks) {
    Json numbers = Json::object();
    for (const auto& [name, number] : state.numbers) numbers[name] = to_json(number);
    callbacks.push_back({{"numbers", numbers}, {"texts", state.texts}, {"tensors", state.tensors.size()}});
    tensors.insert(tensors.end(), state.tensors.begin(), state.tensors.end());
  }
  for (const double sum : training.meters) meters.push_back(to_json(sum));
  const Json json = {{"epoch", training.epoch},
                     {"step", training.step},
                     {"samples", training.samples},
                     {"meters", meters},
                     {"stop_training", training.stop_training},
                     {"history", history_json(training.history)},
                     {"callbacks", callbacks},
                     {"optimizer",
                      {{"step", optimizer.step},
                       {"learning_rate", to_json(optimizer.learning_rate)},
                       {"scalars", optimizer.scalars.size()},
                       {"weights", optimizer.slots.size()},
                       {"slots", optimizer.slots.empty() ? 0 : optimizer.slots.front().size()}}}};
  attachment.text = json.dump(-1, ' ', true);
  // Its slots are among the arrays, exactly as the engine has them.
  save_model(model, file, {.include_optimizer = false, .attachment = &attachment});
}

TrainingState read_checkpoint(const fs::path& file, Model& model) try {
  Attachment attachment = load_attachment(file);
  const Json json = Json::parse(attachment.text);
  Tensors tensors(std::move(attachment.tensors));
  const Json& stored = json.at("optimizer");
  OptimizerState optimizer{.step = stored.at("step"), .learning_rate = to_double(stored.at("learning_rate"))};
  optimizer.scalars = tensors.take(stored.at("scalars"));
  const std::size_t weights = stored.at("weights"), slots = stored.at("slots");
  for (std::size_t i = 0; i < weights; ++i) optimizer.slots.push_back(tensors.take(slots));
  TrainingState training{.epoch = json.at("epoch"), .step = json.at("step"), .samples = json.at("samples")};
  for (const Json& sum : json.at("meters")) training.meters.push_back(to_double(sum));
  training.stop_training = json.at("stop_training");
  training.history = history_of(json.at("history"));
  for (const Json& state : json.at("callbacks")) {
    CallbackState& callback = training.callbacks.emplace_back();
    for (const auto& [name, number] : state.at("numbers").items()) callback.numbers[name] = to_double(number);
    state.at("texts").get_to(callback.texts);
    callback.tensors = tensors.take(state.at("tensors"));
  }
  model.load_weights(file);
  model.set_optimizer_state(optimizer);
  return training;
} catch (const nlohmann::json::exception& error) {
  fail(file.string(), "not a checkpoint: {}.", error.what());
}

fs::path checkpoint_name(const TrainingState& training) {
  if (training.step == 0) return fmt::format("epoch-{:04}.h5", training.epoch);
  return fmt::format("epoch-{:04}-step-{:06}.h5", training.epoch, training.step);
}

std::vector<fs::path> list_checkpoints(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("epoch-") && name.ends_with(".h5")) files.push_back(entry->path());
  }
  // By name without the extension: "epoch-0012" comes before "epoch-0012-step-000345".
  std::ranges::sort(files, std::greater(), [](const fs::path& file) { return file.stem().string(); });
  return files;
}

}  // namespace tutti
