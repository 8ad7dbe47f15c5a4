// What a member leaves when it is done.
#pragma once

#include <filesystem>
#include <functional>

#include "tutti/experiment/splits.h"
#include "tutti/experiment/store.h"
#include "tutti/nn/model.h"

namespace tutti {

// Predicts the validation and the test split and writes both, the model under its two names, and at last metrics.json; fills in
// the scores, the parameters and the memory of `result`. `file`: the model as a program left it; empty: `model` is saved as
// model.h5. Error if the model gives other classes than the data has. What cannot be written is tried again: see insist().
void write_outcome(const MemberFolder& folder, MemberResult result, Model& model, const Splits& splits,
                   const std::filesystem::path& file = {});

// "native_0.7712_model.h5": the article's name of the model, with the extension of the file that it is.
std::filesystem::path named_model_file(const MemberResult& result);

// Bytes resident at most, of this process or of a program that it ran.
std::int64_t peak_memory();

// Calls `write` until it throws no Error, for $TUTTI_STORE_PATIENCE seconds, 120 by default: somebody may empty a full disk or
// bring back a share. Throws the last Error then, and Interrupted at once.
void insist(const std::function<void()>& write);

}  // namespace tutti
