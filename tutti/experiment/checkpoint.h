// Checkpoints: all that a member needs to go on after its process died, as if it had not.
#pragma once

#include <filesystem>
#include <optional>

#include "tutti/nn/model.h"

namespace tutti {

// One file, whole or not at all: a Keras model (any Keras reads its weights) with the optimizer's state and where the fit
// stands. Exact to the bit. Error if it cannot be written.
void write_checkpoint(const std::filesystem::path& file, const Model& model, const TrainingState& training);

// Brings weights and optimizer of a compiled model back. Error for a file that is damaged or of another model; the model may
// then be half changed.
TrainingState read_checkpoint(const std::filesystem::path& file, Model& model);

// The files of a checkpoint folder, the newest first. "epoch-0012.h5" was written at the end of epoch 12,
// "epoch-0012-step-000345.h5" inside epoch 13, when 345 of its steps were done.
std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& folder);
std::filesystem::path checkpoint_name(const TrainingState& training);

}  // namespace tutti
