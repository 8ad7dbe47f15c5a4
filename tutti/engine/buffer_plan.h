// Where each value of a graph lives while it runs, and what must run: known before the first run, so that nothing is
// allocated or decided in one.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "tutti/engine/fusion.h"
#include "tutti/graph/graph.h"

namespace tutti {

struct BufferPlan {
  enum class Place {
    kNowhere,   // made only by nodes that do not run
    kFeed,      // the caller's buffer of input value `index`
    kVariable,  // the storage of variable `index`
    kArena,     // `offset` bytes into the arena, a multiple of Tensor::kAlignment
  };
  struct Location {
    Place place = Place::kNowhere;
    int index = -1;
    std::size_t offset = 0;
  };
  // variable := value, where the value is not made in the variable's storage already. A value that lies in another
  // variable is first set aside at `staging`, since that variable may be assigned before this one.
  struct Copy {
    VariableId variable;
    ValueId value;
    bool staged = false;
    std::size_t staging = 0;
  };

  std::vector<Location> values;  // by ValueId
  std::vector<int> nodes;        // those to run, in order: that outputs or updates need, and that are no aliases
  std::vector<Copy> copies;      // after all nodes ran and outputs were fetched
  std::size_t arena_bytes = 0;
};

// * A node that neither an output nor an update needs does not run.
// * Reshape is another name for its input's buffer.
// * An op that may run in place takes its input's buffer where that dies there; the producer of a variable's update takes the
//   variable's own storage where nobody reads the old value later.
// * Values whose lives do not overlap share bytes of one arena.
// * Fused nodes count as one, which runs in the place of the last of them.
BufferPlan plan_buffers(const Graph& graph, std::span<const FusedNodes> fusions = {});

}  // namespace tutti
