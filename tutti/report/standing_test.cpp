#include "tutti/report/standing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/temporary_folder.h"
#include "tests/written_run.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Standing : public FolderTest {
 protected:
  void write_member(const std::string& run, const std::string& member, const std::vector<float>& sure,
                    const std::vector<std::int32_t>& labels = {0, 0, 0, 0}) const {
    write_test_member(write_test_run(experiment_ / run, "ensemble: {weights: uniform, grow: true}\n"), member, sure, labels);
  }
  GrowResult grow(const std::string& run) const { return grow_standing(RunFolder(experiment_ / run)); }
  StandingFolder folder() const { return StandingFolder(experiment_); }
  const fs::path experiment_ = folder_ / "e";
};

TEST_F(Standing, TakesInWhoMakesItBetter) {
  write_member("one", "native-1", {0.9f, 0.9f, 0.4f, 0.4f});
  write_member("one", "torch-1", {0.1f, 0.1f, 0.1f, 0.1f});
  EXPECT_FALSE(folder().current());
  const GrowResult first = grow("one");
  EXPECT_THAT(first.joined, ElementsAre("native-1"));
  EXPECT_THAT(first.refused, ElementsAre("torch-1"));
  EXPECT_TRUE(std::isnan(first.loss_before));
  EXPECT_EQ(first.ensemble.version, 1);
  EXPECT_EQ(folder().current()->members.at(0).run, "one");

  // As good as the other alone, and right where it is wrong.
  write_member("two", "native-1", {0.4f, 0.4f, 0.9f, 0.9f});
  write_member("two", "torch-1", {0.3f, 0.3f, 0.3f, 0.3f});
  const GrowResult second = grow("two");
  EXPECT_THAT(second.joined, ElementsAre("native-1"));
  EXPECT_EQ(second.ensemble.version, 2);
  EXPECT_EQ(second.ensemble.made_by, "two");
  EXPECT_LT(second.ensemble.validation.loss, second.loss_before);
  EXPECT_EQ(second.ensemble.validation.accuracy, 1.0);
  EXPECT_EQ(second.ensemble.test.samples, 2);
  EXPECT_THAT(describe(second),
              HasSubstr("native-1 joined the standing ensemble; torch-1 would not lower its validation loss"));

  // Nobody of the third helps: the version stays.
  write_member("three", "native-1", {0.2f, 0.2f, 0.2f, 0.2f});
  const GrowResult third = grow("three");
  EXPECT_THAT(third.joined, IsEmpty());
  EXPECT_EQ(third.ensemble.version, 2);
  EXPECT_THAT(folder().versions(), ElementsAre(1, 2));
}

TEST_F(Standing, OffersARunThatWasResumedAgain) {
  write_member("one", "native-1", {0.9f, 0.9f, 0.4f, 0.4f});
  grow("one");
  write_member("one", "torch-1", {0.4f, 0.4f, 0.9f, 0.9f});
  const GrowResult again = grow("one");
  EXPECT_EQ(again.ensemble.members.size(), 2u);
}

TEST_F(Standing, GoesBackAndForth) {
  write_member("one", "native-1", {0.9f, 0.9f, 0.4f, 0.4f});
  grow("one");
  write_member("two", "native-1", {0.4f, 0.4f, 0.9f, 0.9f});
  grow("two");
  folder().use(1);
  EXPECT_EQ(folder().current()->version, 1);
  EXPECT_EQ(folder().current()->members.size(), 1u);
  EXPECT_THROW(folder().use(7), Error);
  // What grows from there is a new version: none is ever changed.
  write_member("three", "native-1", {0.8f, 0.8f, 0.8f, 0.8f});
  const GrowResult result = grow("three");
  EXPECT_EQ(result.ensemble.version, 3);
  EXPECT_EQ(folder().read(2).members.size(), 2u);
  const Ensemble combination = result.ensemble.combination();
  EXPECT_EQ(combination.weights.size(), result.ensemble.members.size());
}

TEST_F(Standing, TwoRunsThatEndTogetherGetTwoVersions) {
  write_member("one", "native-1", {0.9f, 0.9f, 0.4f, 0.4f});
  grow("one");
  write_file_atomically(experiment_ / "standing" / "0002.json", "another's, not read yet");
  write_member("two", "native-1", {0.4f, 0.4f, 0.9f, 0.9f});
  EXPECT_EQ(grow("two").ensemble.version, 3);
  EXPECT_EQ(read_file(experiment_ / "standing" / "0002.json"), "another's, not read yet");
  EXPECT_THROW(folder().read(2), Error);
  EXPECT_THROW(folder().use(2), Error);
  EXPECT_EQ(folder().current()->version, 3);
}

TEST_F(Standing, RefusesWhatDoesNotFit) {
  write_member("one", "native-1", {0.9f, 0.9f, 0.4f, 0.4f});
  grow("one");
  write_member("two", "native-1", {0.9f, 0.9f, 0.9f, 0.9f}, {0, 0, 0, 1});
  EXPECT_THROW(grow("two"), Error);
  write_member("three", "native-1", {0.9f, 0.9f, 0.9f, 0.9f});
  fs::remove(experiment_ / "one/members/native-1/validation.npy");
  EXPECT_THROW(grow("three"), Error);
  write_file_atomically(experiment_ / "four" / "spec.yaml", "name: e\nmodel: m.yaml\ndata: shapes\n");
  EXPECT_THROW(grow("four"), Error);
}

}  // namespace
}  // namespace tutti
