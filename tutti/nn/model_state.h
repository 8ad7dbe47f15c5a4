// What is behind a Model handle. Private to nn/ (and to its tests).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tutti/nn/model.h"
#include "tutti/nn/programs.h"

namespace tutti {

struct Model::State : std::enable_shared_from_this<Model::State> {
  std::string name;
  bool sequential = false;
  std::vector<ModelNode> nodes;
  std::vector<int> inputs, outputs;  // indices of nodes
  std::vector<LayerPtr> layers;
  std::optional<CompileOptions> compiled;
  std::unique_ptr<Programs> programs;  // made by the first run
};

// The handle on a state.
class StateModel : public Model {
 public:
  explicit StateModel(State& state) : Model(state.shared_from_this()) {}
};

}  // namespace tutti
