#include "tutti/experiment/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tutti/base/error.h"
#include "tutti/experiment/experiment.h"

namespace tutti {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Member> plan_of(const std::string& members) {
  return plan(resolve(parse_spec("model: m.yaml\ndata: shapes\nmembers: " + members, "spec.yaml")));
}

TEST(Plan, IsTheProductOfTheLists) {
  const std::vector<Member> members = plan_of("{engine: [native, torch], seed: [1, 2], learning_rate: [0.01, 0.001]}");
  EXPECT_THAT(names_of(members), ElementsAre("native-1-0.01", "native-1-0.001", "native-2-0.01", "native-2-0.001",
                                             "torch-1-0.01", "torch-1-0.001", "torch-2-0.01", "torch-2-0.001"));
  EXPECT_EQ(members[6].engine, "torch");
  EXPECT_EQ(members[6].seed, 2u);
  EXPECT_EQ(members[6].spec.fit.learning_rate, 0.01);
}

TEST(Plan, NamesWhatVaries) {
  EXPECT_THAT(names_of(plan_of("{engine: native, seed: 3}")), ElementsAre("native-3"));
  EXPECT_THAT(names_of(plan_of("{engine: [native], seed: [3], batch_size: [32]}")), ElementsAre("native-3"));
  EXPECT_THAT(names_of(plan_of("{engine: [native], seed: [3], optimizer: [adam, {name: sgd, momentum: 0.9}]}")),
              ElementsAre("native-3-adam", "native-3-name-sgd-momentum-0.9"));
  EXPECT_THAT(names_of(plan_of("{engine: native, seed: 3, model: [/x/a.yaml, /y/a.yaml]}")),
              ElementsAre("native-3-a.yaml", "native-3-a.yaml-2"));
}

TEST(Plan, TakesAnyKeyOfTheSpec) {
  const std::vector<Member> members = plan_of("{engine: native, fit.early_stopping.patience: [1, 5], data.limit: [100]}");
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[1].spec.fit.early_stopping->patience, 5);
  EXPECT_EQ(members[1].spec.data.limit, 100);
}

TEST(Plan, RefusesUnknownHyperparametersAndRepetitions) {
  try {
    plan_of("{engine: native, learning_rat: [1, 2]}");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "[spec.yaml: members: fit.learning_rat] unknown key 'learning_rat' in fit. Did you mean 'learning_rate'?");
  }
  EXPECT_THROW(plan_of("{engine: [native, native]}"), Error);
}

TEST(Plan, WritesDefaultsDown) {
  const Spec spec = resolve(parse_spec("model: m.yaml\ndata: shapes\n", "spec.yaml"));
  ASSERT_EQ(spec.members.size(), 2u);
  EXPECT_EQ(spec.members[0].key, "engine");
  EXPECT_EQ(spec.members[1].key, "seed");
  const Spec given = resolve(parse_spec("model: m.yaml\ndata: shapes\nfit: {engine: torch, seed: 5}\n", "spec.yaml"));
  EXPECT_THAT(names_of(plan(given)), ElementsAre("torch-5"));
}

TEST(Plan, ResolvesAllEngines) {
  const Spec spec = resolve(parse_spec("model: m.yaml\ndata: shapes\nmembers: {engine: [all]}", "spec.yaml"));
  EXPECT_THAT(spec.members[0].values, testing::Contains("native"));
  EXPECT_THAT(spec.members[0].values, testing::Not(testing::Contains("all")));
}

}  // namespace
}  // namespace tutti
