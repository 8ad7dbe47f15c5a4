// What a run gave: its members beside their ensemble, and the files that say so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tutti/ensemble/statistics.h"
#include "tutti/experiment/store.h"
#include "tutti/tensor/tensor.h"

namespace tutti {

struct MemberOutcome {
  MemberResult result;
  HistoryTable history;
  Tensor test;    // probabilities float32 (n, classes)
  double weight;  // in the ensemble, of a sum of 1
  Score score;    // on the test split
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
  Tensor ensemble;       // probabilities float32 (n, classes)
  Score score;           // of the ensemble
  McNemar test;          // ensemble against the best member
  std::size_t best = 0;  // the member with the best validation accuracy
};

// Reads the members' files; weights come from the validation split, scores from the test split. Error if two members have
// different test splits.
RunResults read_results(const RunFolder& run);

// The table of members beside the ensemble.
std::string members_table(const RunResults& results);
// The article's table: for each of the first `images` test images a row a member and one of the ensemble, in percent.
std::string images_table(const RunResults& results, int images = 10);
// The sentence of compare_sentence(), and which members are missing.
std::string verdict(const RunResults& results);

// ensemble/: preds.csv, pred.csv (of the holdout), summary.md, results.json, loss and accuracy as PNG and SVG, report.html.
void write_report(const RunFolder& run, const RunResults& results);

// For programs.
std::string results_json(const RunResults& results);
std::string summary_markdown(const RunResults& results);

}  // namespace tutti
