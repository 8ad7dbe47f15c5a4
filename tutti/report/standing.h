// The standing ensemble of an experiment: it outlives the runs, takes a run's members in only where they make it better, and
// keeps all its versions.
//
//   <store>/<experiment>/standing/0001.json 0002.json ...   each whole, never changed
//                                 current                   the number of the one in use
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tutti/ensemble/ensemble.h"
#include "tutti/experiment/store.h"

namespace tutti {

struct StandingMember {
  std::string run, member;  // names of their folders
  double weight = 0.0, temperature = 1.0;
};

struct StandingEnsemble {
  int version = 0;
  std::string made_by;  // the run after which it was made
  double made = 0.0;    // seconds since 1970
  std::vector<StandingMember> members;
  double temperature = 1.0;      // of the whole
  SplitResult validation, test;  // its own, test for the record only
  Ensemble combination() const;
};

// The folder of an experiment's runs: a run's parent.
class StandingFolder {
 public:
  explicit StandingFolder(const std::filesystem::path& experiment) : experiment_(experiment) {}

  // Their numbers, the oldest first.
  std::vector<int> versions() const;
  // The one in use; nothing if there is none yet. Error for a damaged file.
  std::optional<StandingEnsemble> current() const;
  // Error if there is no such version.
  StandingEnsemble read(int version) const;
  // Takes the next free number (two runs that end at the same time get different ones) and makes it the one in use.
  StandingEnsemble add(StandingEnsemble ensemble) const;
  // Makes another version the one in use. Error if there is no such version.
  void use(int version) const;
  // The folder of a member of it.
  MemberFolder member(const StandingMember& member) const { return RunFolder(experiment_ / member.run).member(member.member); }

 private:
  std::filesystem::path file(int version) const;
  std::filesystem::path experiment_;
};

struct GrowResult {
  StandingEnsemble ensemble;         // the one in use now
  std::vector<std::string> joined;   // members of the run that are in it
  std::vector<std::string> refused;  // those that would not have lowered its validation loss
  double loss_before = 0.0;          // of the validation split; NaN for the first version
};

// Offers the members of a run that are done to the standing ensemble, the best one first: each joins if the ensemble fitted
// with it (weights and temperatures by the spec) has a lower log loss on the validation split than without. If any joins, a new
// version is made. Error if a standing member's predictions are gone, or if its validation images are others.
GrowResult grow_standing(const RunFolder& run);

// "run-2/native-1 joined, torch-1 did not help: version 3 has 4 members, validation loss 0.6412 (0.6498 before)".
std::string describe(const GrowResult& result);

}  // namespace tutti
