// Spec: what one experiment is, read from a YAML file.
//
//   name: cifar10-cnn                      # default: the file's name
//   model: cifar10_cnn.yaml                # YAML layer list (model_file.h), Keras model.json, or .h5 (its weights are kept)
//                                          # or command: [python3, train.py] with env: {KERAS_BACKEND: theano}
//   data: {name: cifar10, holdout: 100, validation: 0.1}
//   fit: {batch_size: 32, epochs: 50, early_stopping: {patience: 3}}
//   members: {engine: [native, onednn], seed: [1, 2]}
//   ensemble: {weights: accuracy}
//   run: {parallel: 2, threads: 1}
//   kubernetes: {storage: {hostPath: /srv/tutti}}
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tutti/data/augment.h"
#include "tutti/ensemble/ensemble.h"
#include "tutti/experiment/kubernetes_spec.h"
#include "tutti/nn/callbacks.h"

namespace tutti {

struct DataSpec {
  std::string name;                    // a known set or a path: load_dataset()
  std::filesystem::path dir;           // looked at first
  std::string fallback;                // the set to take when `name` is not here and cannot be downloaded; empty: an error
  double validation = 0.1;             // of the training split: a fraction below 1, or a number of samples
  double test = 0.2;                   // of the training split, if the set has no test split
  std::int64_t holdout = 0;            // the first test images, for which preds.csv and pred.csv are written; 0: all
  std::int64_t limit = 0;              // at most so many training samples; 0: all
  std::int64_t test_limit = 0;         // at most so many test samples; 0: all
  std::int64_t samples = 0;            // training samples that `shapes` draws; 0: its default
  std::int64_t height = 0, width = 0;  // of an image folder
  double scale = 1.0;                  // pixels are multiplied by it: 1/255 for a model without a Rescaling layer
  std::uint64_t seed = 0;              // of the split into training and validation: the same for all members
  Augmentations augmentation;
};

struct OptimizerSpec {
  std::string name = "adam";
  std::string config = "{}";  // the JSON object of its other arguments, Keras's names
};

struct CheckpointSpec {
  bool enabled = true;
  int every = 1;  // epochs
  int keep = 2;   // the last ones
};

struct LearningRateSpec {
  std::string kind;  // "", cosine, exponential, step
  double alpha = 0.0, factor = 0.5;
  int every = 10, warmup = 0;
};

struct FitSpec {
  std::string engine, device;  // "": $TUTTI_ENGINE, $TUTTI_DEVICE, else native on the CPU
  std::optional<std::uint64_t> seed;
  int batch_size = 32, epochs = 1, validation_batch_size = 0;
  bool shuffle = true;
  OptimizerSpec optimizer;
  std::optional<double> learning_rate;  // stands above the optimizer's own
  LearningRateSpec schedule;
  std::string loss = "sparse_categorical_crossentropy";
  std::vector<std::string> metrics = {"accuracy"};
  std::optional<EarlyStoppingOptions> early_stopping;  // restore_best_weights defaults to true here
  std::optional<ReduceLROnPlateauOptions> reduce_lr;
  CheckpointSpec checkpoint;
  bool tensorboard = true;
};

// One list under `members`.
struct Axis {
  std::string key;                  // "engine", "learning_rate", "fit.early_stopping.patience", "data.limit"
  std::vector<std::string> values;  // YAML text
};

// One entry of members.include or members.exclude: (key as of an Axis, YAML text).
using MemberRow = std::vector<std::pair<std::string, std::string>>;

// A member that is another program: it trains and leaves a Keras file.
struct ProgramSpec {
  std::vector<std::string> command;  // empty: the member is a model that tutti trains
  std::vector<std::pair<std::string, std::string>> environment;
  std::string output;  // the name of the Keras file, '*' and '?' allowed; "": the newest *_model.* file, else the newest of all
};

struct RunSpec {
  int parallel = 0;       // members at a time; 0: all, but no more than two a core
  int threads = 0;        // of a member; 0: the cores shared out
  int retries = 0;        // how often a member that failed is started again
  double deadline = 0.0;  // seconds a member may take, all its starts together; 0: any
};

// (dotted path, YAML text of the value): {"fit.epochs", "2"}.
using Overrides = std::vector<std::pair<std::string, std::string>>;

struct Spec {
  std::filesystem::path file;
  std::string name;
  // What a member is: one of the three.
  std::filesystem::path model;    // to be trained
  ProgramSpec program;            // that trains one
  std::filesystem::path trained;  // a Keras file, to be used as it is
  DataSpec data;
  FitSpec fit;
  // The members: the product of the lists without the excluded ones, and the included ones.
  std::vector<Axis> members;
  std::vector<MemberRow> include, exclude;
  EnsembleOptions ensemble;
  bool grow = false;  // the members join the experiment's standing ensemble where they make it better
  RunSpec run;
  KubernetesSpec kubernetes;
  std::string document;  // the YAML text with the overrides applied and the paths made absolute
};

// Errors name file and line; an unknown key is refused with the nearest known one. Overrides are applied before the check.
Spec load_spec(const std::filesystem::path& file, const Overrides& overrides = {});
// `file` names the text in errors, and paths in the spec are relative to its folder. `origin` is how errors call the place
// that the overrides come from.
Spec parse_spec(const std::string& text, const std::filesystem::path& file, const Overrides& overrides = {},
                const std::string& origin = "--set ");
// "fit.epochs=2" -> {"fit.epochs", "2"}. Error for anything else.
std::pair<std::string, std::string> parse_override(const std::string& text);

// Where two specs differ: dotted path of the document, the value in each, empty where there is none; also models of the same
// name with different contents.
struct SpecDifference {
  std::string path, first, second;
};
std::vector<SpecDifference> differences_of(const Spec& first, const Spec& second);

// The files that the members are made of: models and trained models, each once, in the order of the document.
std::vector<std::filesystem::path> files_of(const Spec& spec);
// The document with those files under other names.
std::string document_with_files(const Spec& spec,
                                const std::vector<std::pair<std::filesystem::path, std::filesystem::path>>& renamed);

}  // namespace tutti
