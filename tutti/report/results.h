// What a run gave: its members beside their ensemble.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tutti/data/dataset.h"
#include "tutti/ensemble/ensemble.h"
#include "tutti/ensemble/statistics.h"
#include "tutti/experiment/store.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

struct MemberOutcome {
  MemberResult result;
  HistoryTable history;
  Tensor validation, test;   // probabilities float32 (n, classes)
  double weight = 0.0;       // in the ensemble, of a sum of 1
  double temperature = 1.0;  // in the ensemble
  Score score;               // of `test`, as the member gave it
};

struct MemberFailure {
  std::string name;
  MemberStatus status;
};

struct RunResults {
  std::string experiment, run, model, data, weights;
  std::int64_t holdout = 0;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<MemberOutcome> members;  // those that are done, in the order of the plan
  std::vector<MemberFailure> missing;  // those that are not
  std::vector<std::string> class_names;
  // Empty if no member is done.
  Tensor labels;         // of the test split, int32 (n,)
  Ensemble combination;  // fitted on the validation split
  Tensor ensemble;       // its probabilities of the test split, float32 (n, classes)
  Score score;           // of the ensemble
  McNemar test;          // ensemble against the best member
  std::size_t best = 0;  // the member with the best validation accuracy
};

// Reads the members' files; weights and temperatures come from the validation split, scores from the test split. Error if two
// members have different test splits, or different validation splits where the ensemble is fitted on them.
RunResults read_results(const RunFolder& run);

// The images of the test split; empty if they are not at hand any more.
Dataset test_images(const RunFolder& run, const RunResults& results);

// How alike the members are on the test split.
Diversity diversity_of(const RunResults& results);

// The name of a class; its number if it has none.
std::string class_name(const std::vector<std::string>& names, std::int64_t index);
std::string class_name(const RunResults& results, std::int64_t index);

// The sentence of compare_sentence(), and which members are missing.
std::string verdict(const RunResults& results);

}  // namespace tutti
