// plan: from a Spec to its members, the product of its lists.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tutti/experiment/spec.h"

namespace tutti {

// One model to train.
struct Member {
  std::string name;  // engine, seed and what else varies: "native-1", "native-1-0.01"; unique, letters, digits, '-' and '.'
  std::string engine;
  std::uint64_t seed = 0;
  std::vector<std::pair<std::string, std::string>> values;  // (axis, value)
  Spec spec;                                                // with these values in place
};

// The spec with all that depends on this machine and process written down: `engine: all` (every available engine but
// reference, which is there to check the others), the default engine and the default seed, members at a time and their threads:
// a run that is resumed, elsewhere perhaps, must go on with the same.
Spec resolve(const Spec& spec);

// The defaults of a run with so many members on this machine filled in.
RunSpec share_cores(const RunSpec& run, int members);

// The members of a resolved spec, the last list varying fastest. Error for an unknown hyperparameter, or for two members
// with the same values.
std::vector<Member> plan(const Spec& spec);

}  // namespace tutti
