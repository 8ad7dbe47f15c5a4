// plan: from a Spec to its members, the product of its lists and those listed one by one.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tutti/experiment/spec.h"

namespace tutti {

enum class MemberKind : std::uint8_t {
  kFit,      // a model that tutti trains
  kProgram,  // a program that trains a model
  kTrained,  // a model that is trained already
};

// One model of the ensemble.
struct Member {
  std::string name;    // engine, seed and what else varies: "native-1", "native-1-0.01"; unique, letters, digits, '-' and '.'
  std::string engine;  // of a program what its environment says (TUTTI_ENGINE, KERAS_BACKEND), else the program's name
  std::uint64_t seed = 0;
  std::vector<std::pair<std::string, std::string>> values;  // (axis, value)
  Spec spec;                                                // with these values in place
  MemberKind kind() const;
};

// The spec with all that depends on this machine and process written down: `engine: all` (every available engine but
// reference, which is there to check the others), the default engine and the default seed, members at a time and their threads:
// a run that is resumed, elsewhere perhaps, must go on with the same.
// What depends on this machine's cores is left open where the members run elsewhere.
enum class Where : std::uint8_t { kHere, kElsewhere };
Spec resolve(const Spec& spec, Where where = Where::kHere);

// True for an engine that Keras, of any version, takes as KERAS_BACKEND.
bool is_keras_backend(const std::string& engine);

// The defaults of a run with so many members on this machine filled in.
RunSpec share_cores(const RunSpec& run, int members);

// The members of a resolved spec: the product of its lists, the last one varying fastest, without those that a row of `exclude`
// describes; then the rows of `include`. Without lists the rows alone. Error for an unknown hyperparameter, for two members
// with the same values or name, for an `exclude` that names no list, and if no member is left.
std::vector<Member> plan(const Spec& spec);

}  // namespace tutti
