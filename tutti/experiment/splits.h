// The three parts of a data set: one trains, one chooses weights and epochs, one is reported. None serves twice.
#pragma once

#include "tutti/data/dataset.h"
#include "tutti/experiment/spec.h"

namespace tutti {

struct Splits {
  Dataset train;       // shuffled once by DataSpec::seed, limited, without the validation samples
  Dataset validation;  // from the training split
  Dataset test;        // the first DataSpec::holdout of it are those that preds.csv lists
};

// False if the set would have to be downloaded.
bool is_at_hand(const DataSpec& spec);

// Error if the set has no class labels, or if a part would be empty.
Splits load_splits(const DataSpec& spec, bool progress = false);

// The samples of the set's own training split that load_splits() takes for each part, in its order.
struct SplitIndices {
  std::vector<std::int64_t> train, validation;
  std::vector<std::int64_t> test;  // empty if the set has a test split
};
SplitIndices split_indices(const DataSpec& spec);

// Every sample multiplied by `scale`, float32; `data` itself if scale is 1.
Dataset scaled(const Dataset& data, double scale);

}  // namespace tutti
