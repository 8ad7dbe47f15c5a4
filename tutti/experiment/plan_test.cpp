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

TEST(Plan, MembersHaveTheDataThatTheEnsembleNeeds) {
  const auto check = [](const std::string& more) {
    check_members(
        plan(resolve(parse_spec("model: " TUTTI_SOURCE_DIR "/examples/cifar10_cnn.yaml\ndata: shapes\n" + more, "spec.yaml"))));
  };
  check("members: {data.limit: [60, 80]}");
  check("members: {data.limit: [60, 80]}\nensemble: {weights: uniform}");
  EXPECT_THROW(check("members: {data.limit: [60, 80]}\nensemble: {weights: likelihood}"), Error);
  EXPECT_THROW(check("members: {data.validation: [0.1, 0.2]}\nensemble: {temperature: both}"), Error);
  EXPECT_THROW(check("members: {data.test_limit: [10, 20]}"), Error);
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

std::string error_of(const std::string& members) {
  try {
    plan_of(members);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Plan, ExcludesAndIncludesMembers) {
  const std::vector<Member> members = plan_of(
      "{engine: [native, torch], seed: [1, 2], exclude: [{engine: torch, seed: 2}], include: [{engine: torch, seed: 7, epochs: "
      "3},"
      " {name: theano, command: [python3, train.py], env: {KERAS_BACKEND: theano}}, {trained: cntk_0.77_model.hdf5}]}");
  EXPECT_THAT(names_of(members), ElementsAre("native-1", "native-2", "torch-1", "torch-7", "theano", "cntk"));
  EXPECT_EQ(members[3].spec.fit.epochs, 3);
  EXPECT_EQ(members[3].kind(), MemberKind::kFit);
  EXPECT_EQ(members[4].kind(), MemberKind::kProgram);
  EXPECT_EQ(members[4].engine, "theano");
  EXPECT_THAT(members[4].spec.program.command, ElementsAre("python3", "train.py"));
  EXPECT_EQ(members[5].kind(), MemberKind::kTrained);
  EXPECT_EQ(members[5].engine, "native");
  EXPECT_EQ(members[5].spec.trained.filename(), "cntk_0.77_model.hdf5");
}

TEST(Plan, ListsMembersOneByOne) {
  const std::vector<Member> members = plan_of("{include: [{seed: 3}, {engine: torch, seed: 0}]}");
  EXPECT_THAT(names_of(members), ElementsAre("native-3", "torch-0"));
}

TEST(Plan, RunsAProgramForEachValueOfItsEnvironment) {
  const Spec spec =
      resolve(parse_spec("command: [python3, train.py]\ndata: cifar10\nfit: {seed: 0}\n"
                         "members: {env.KERAS_BACKEND: [theano, tensorflow], env.EPOCHS: [1, 2]}\n",
                         "spec.yaml"));
  EXPECT_THAT(names_of(plan(spec)), ElementsAre("theano-0-1", "theano-0-2", "tensorflow-0-1", "tensorflow-0-2"));
  EXPECT_EQ(plan(spec)[3].spec.program.environment.size(), 2u);
  const Spec engines =
      resolve(parse_spec("command: [./train]\ndata: cifar10\nmembers: {engine: [native, torch], seed: 0}\n", "spec.yaml"));
  EXPECT_THAT(names_of(plan(engines)), ElementsAre("native-0", "torch-0"));
}

TEST(Plan, RowsOfOtherKindsFindAnEngine) {
  const Spec spec =
      resolve(parse_spec("command: [python3, -u, cifar_train.py]\ndata: cifar10\nfit: {seed: 0}\n"
                         "members: {include: [{env.LAYERS: 3}, {model: m.yaml}, {trained: a.h5}]}\n",
                         "spec.yaml"));
  const std::vector<Member> members = plan(spec);
  EXPECT_THAT(names_of(members), ElementsAre("cifar-train-0", "native-0", "a"));
  EXPECT_EQ(members[2].engine, "native");
  EXPECT_EQ(spec.fit.device, "cpu");
}

TEST(Plan, ValuesKeepTheirMeaning) {
  const std::vector<Member> members = plan_of(
      R"({engine: [native], seed: 0, env.FLAGS: ["--a #b", "x: y", "*.h5"], include: [{seed: 1, output: "*_best.h5"}]})");
  ASSERT_EQ(members.size(), 4u);
  EXPECT_EQ(members[0].spec.program.environment.at(0).second, "--a #b");
  EXPECT_EQ(members[1].spec.program.environment.at(0).second, "x: y");
  EXPECT_EQ(members[2].spec.program.environment.at(0).second, "*.h5");
  EXPECT_EQ(members[3].spec.program.output, "*_best.h5");
}

TEST(Plan, RefusesRowsThatMakeNoSense) {
  EXPECT_THAT(error_of("{engine: [native], exclude: [{engine: natve}]}"), HasSubstr("natve is no value of members.engine"));
  EXPECT_THAT(error_of("{engine: native, seed: 1, include: [{seed: 1, engine: native}]}"), HasSubstr("stands twice"));
  EXPECT_THAT(error_of("{include: [{name: '', seed: 1}]}"), HasSubstr("name must be made of letters"));
  EXPECT_THROW(plan(resolve(parse_spec("data: shapes\nmembers: {include: [{seed: 1}]}", "spec.yaml"))), Error);
  EXPECT_THROW(resolve(parse_spec("model: m\ndata: shapes\nfit: {engine: all}\nmembers: {include: [{seed: 1}]}", "s.yaml")),
               Error);
  EXPECT_THAT(error_of("{engine: [native], exclude: [{sed: 1}]}"), HasSubstr("'sed' is no list of members"));
  EXPECT_THAT(error_of("{engine: [native], exclude: [{engine: native}]}"), HasSubstr("none is left"));
  EXPECT_THAT(error_of("{include: [{name: a, seed: 1}, {name: a, seed: 2}]}"), HasSubstr("two members named 'a'"));
  EXPECT_THAT(error_of("{include: [{name: a/b}]}"), HasSubstr("letters, digits"));
  EXPECT_THAT(error_of("{include: {seed: 1}}"), HasSubstr("must be a list"));
  EXPECT_THAT(error_of("{include: [seed]}"), HasSubstr("must be a mapping"));
  EXPECT_THAT(error_of("{include: [{command: []}]}"), HasSubstr("command"));
  EXPECT_THAT(error_of("{include: [{epohcs: 1}]}"), HasSubstr("Did you mean 'epochs'?"));
}

}  // namespace
}  // namespace tutti
