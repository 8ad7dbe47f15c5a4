// The TensorBoard callback: keras/src/callbacks/tensorboard.py (_log_epoch_metrics).
#include <optional>

#include "tutti/formats/tensorboard/event_writer.h"
#include "tutti/nn/callbacks.h"
#include "tutti/nn/model.h"

namespace tutti {
namespace {

class TensorBoardCallback : public Callback {
 public:
  explicit TensorBoardCallback(std::filesystem::path log_dir) : log_dir_(std::move(log_dir)) {}

  void on_epoch_end(FitState& state, Logs& logs) override {
    for (const auto& [name, value] : logs) {
      const bool is_validation = name.starts_with("val_");
      writer(is_validation).scalar("epoch_" + (is_validation ? name.substr(4) : name), value, state.epoch);
    }
    if (state.model != nullptr && !logs.find("learning_rate")) {
      writer(false).scalar("epoch_learning_rate", state.model->learning_rate(), state.epoch);
    }
    for (auto* file : {&train_, &validation_}) {
      if (*file) (*file)->flush();
    }
  }
  void on_train_end(FitState&) override {
    train_.reset();
    validation_.reset();
  }

 private:
  EventWriter& writer(bool is_validation) {
    std::optional<EventWriter>& file = is_validation ? validation_ : train_;
    if (!file) file.emplace(log_dir_ / (is_validation ? "validation" : "train"));
    return *file;
  }

  std::filesystem::path log_dir_;
  std::optional<EventWriter> train_, validation_;  // made when there is something to write
};

}  // namespace

CallbackPtr TensorBoard(std::filesystem::path log_dir) { return std::make_shared<TensorBoardCallback>(std::move(log_dir)); }

}  // namespace tutti
