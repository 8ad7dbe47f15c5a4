// tutti predict RUN: the members of a run and their ensemble on new images.
#pragma once

#include <filesystem>

#include "cli/common.h"
#include "tutti/experiment/store.h"

namespace tutti::cli {

struct PredictRunOptions {
  DataArguments data;            // --data, or
  std::filesystem::path images;  // --images
  EngineArguments engine;        // default: each member's own
  std::filesystem::path preds = "preds.csv", pred = "pred.csv", out;
  int batch_size = 256;
  std::int64_t show = 10;  // images in the table
  bool json = false;
};

// Writes preds.csv and pred.csv of the ensemble and prints a table an image, members beside ensemble; with labels also their
// accuracies. Weights and temperatures are the run's.
void predict_run(const RunFolder& run, const PredictRunOptions& options);

// The same with an experiment's standing ensemble, whose members come from several runs.
void predict_standing(const std::filesystem::path& experiment, const PredictRunOptions& options);

}  // namespace tutti::cli
