// The callbacks, by Keras's names, arguments and defaults. Behaviour: Keras 3, but NaN never counts as an improvement.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "tutti/nn/callback.h"

namespace tutti {

struct ModelCheckpointOptions {
  std::string monitor = "val_loss";
  int verbose = 0;
  bool save_best_only = false, save_weights_only = false;
  std::string mode = "auto";  // min, max
  std::optional<double> initial_value_threshold = {};
};
// filepath: a Python format string over epoch (from 1) and the logs: "weights.{epoch:02d}-{val_loss:.2f}.h5".
CallbackPtr ModelCheckpoint(std::string filepath, ModelCheckpointOptions options = {});

struct EarlyStoppingOptions {
  std::string monitor = "val_loss";
  double min_delta = 0.0;
  int patience = 0;
  int verbose = 0;
  std::string mode = "auto";
  std::optional<double> baseline = {};
  bool restore_best_weights = false;
  int start_from_epoch = 0;
};
CallbackPtr EarlyStopping(EarlyStoppingOptions options = {});

struct ReduceLROnPlateauOptions {
  std::string monitor = "val_loss";
  double factor = 0.1;
  int patience = 10;
  int verbose = 0;
  std::string mode = "auto";
  double min_delta = 1e-4;
  int cooldown = 0;
  double min_lr = 0.0;
};
CallbackPtr ReduceLROnPlateau(ReduceLROnPlateauOptions options = {});

// schedule(epoch, current rate) -> rate of that epoch.
using Schedule = std::function<double(int epoch, double learning_rate)>;
CallbackPtr LearningRateScheduler(Schedule schedule, int verbose = 0);
// rate * factor ^ floor(epoch / every)
Schedule step_decay(double rate, double factor, int every);
// rate * factor ^ epoch
Schedule exponential_decay(double rate, double factor);
// From rate to rate * alpha over `epochs` by half a cosine, after `warmup` epochs of linear increase.
Schedule cosine_decay(double rate, int epochs, double alpha = 0.0, int warmup = 0);

struct CSVLoggerOptions {
  char separator = ',';
  bool append = false;
};
CallbackPtr CSVLogger(std::filesystem::path path, CSVLoggerOptions options = {});
// Stops when the loss is NaN or infinite, at once.
CallbackPtr TerminateOnNaN();
// Keras's progress: verbose 1 the bar, with images/s and time left, 2 a line an epoch.
CallbackPtr ProgressBar(int verbose = 1);
// What fit() puts before the callbacks it is given, unless verbose is 0; first ProgressBar. A notebook replaces it by one that
// draws the curves as well.
using ProgressFactory = std::function<CallbackPtr(int verbose)>;
CallbackPtr make_progress(int verbose);
// Returns the old one; an empty one stands for ProgressBar.
ProgressFactory set_progress(ProgressFactory factory);
// Event files that TensorBoard reads: scalars of the epochs, under train/ and validation/. Defined in formats/tensorboard.
CallbackPtr TensorBoard(std::filesystem::path log_dir);
// Any of the three may be empty.
struct LambdaCallbackOptions {
  std::function<void(FitState&)> on_epoch_begin = {};
  std::function<void(FitState&, const Logs&)> on_batch_end = {};
  std::function<void(FitState&, Logs&)> on_epoch_end = {};
};
CallbackPtr LambdaCallback(LambdaCallbackOptions options);

}  // namespace tutti
