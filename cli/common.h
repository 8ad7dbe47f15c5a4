// What several subcommands share.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/command.h"
#include "tutti/data/dataset.h"
#include "tutti/experiment/store.h"
#include "tutti/nn/model.h"

namespace tutti::cli {

// --engine and --device; call use_engine() before a model is loaded.
struct EngineArguments {
  std::string engine, device;
  void add(Command& command);
  void use() const;
};

// RUN --store DIR, and --json where a command prints JSON.
struct RunArguments {
  std::string run;
  std::filesystem::path store = default_store();
  bool json = false;
  void add(Command& command, bool with_json = true);
  RunFolder find() const { return find_run(store, run); }
  // The names of the run's members, in the order of its plan.
  std::vector<std::string> members() const;
};

// --data NAME --dir DIR --split test --limit N --scale 1/255
struct DataArguments {
  std::string name, split = "test", scale = "1";
  std::filesystem::path dir;
  std::int64_t limit = 0;
  void add(Command& command);
  Dataset load() const;
};

// Prints to standard output as it is.
void print(const std::string& text);

// A model with its weights, from .h5 or .hdf5. Error for other files.
Model load_weighted_model(const std::filesystem::path& file);

// "1/255" or "0.5".
double number_of(const std::string& text, const char* what);

}  // namespace tutti::cli
