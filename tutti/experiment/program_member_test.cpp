#include "tutti/experiment/program_member.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <thread>

#include "tests/temporary_folder.h"
#include "tests/tiny_model.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/data/npy.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/member.h"
#include "tutti/experiment/model_file.h"
#include "tutti/experiment/outcome.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::HasSubstr;

constexpr const char* kData = "\ndata: {name: shapes, limit: 100, test_limit: 20, validation: 0.2}\n";

// Members that are shell scripts, or models of others.
class ProgramMember : public FolderTest {
 protected:
  void SetUp() override {
    set_interrupted(false);
    model_from_yaml(kTinyModel, "m.yaml").save(folder_ / "theirs.h5");
  }
  void TearDown() override { set_interrupted(false); }
  // A run whose one member is this script, which finds a model in $THEIRS.
  RunFolder run_of(const std::string& script, const std::string& more = "") const {
    write_file_atomically(folder_ / "train.sh", script);
    const std::string spec =
        "name: p\ncommand: [sh, train.sh]\nenv: {KERAS_BACKEND: theano, THEIRS: " + (folder_ / "theirs.h5").string() +
        "}\nfit: {seed: 0}\n" + more + kData;
    const Spec resolved = resolve(parse_spec(spec, folder_ / "spec.yaml"));
    check_members(plan(resolved));
    return write_run(resolved, folder_ / "runs", "r");
  }
  static std::string failure_of(const RunFolder& run, const std::string& member) {
    EXPECT_THROW(train_member(run, member), Error);
    EXPECT_EQ(run.member(member).status().state, MemberState::kFailed);
    return run.member(member).status().error;
  }
};

TEST_F(ProgramMember, ItsKerasFileJoinsTheEnsemble) {
  const RunFolder run = run_of(
      "cp $THEIRS weights.01.h5; cp $THEIRS theano_0.5_model.hdf5; cp $THEIRS weights.02.h5\n"
      "printf 'epoch,loss\\n0,2.5\\n1,1.5\\n' > history.csv\n"
      "echo $KERAS_BACKEND $TUTTI_SEED $TUTTI_OUTPUT $PWD ${TUTTI_ENGINE-none} > said.txt");
  ASSERT_EQ(train_member(run, "theano-0"), MemberState::kDone);
  const MemberFolder folder = run.member("theano-0");
  const auto result = folder.result();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->engine, "theano");
  EXPECT_EQ(result->epochs, 2);
  EXPECT_EQ(result->model_file, "theano_0.5_model.hdf5");
  EXPECT_EQ(result->test.samples, 20);
  EXPECT_EQ(read_npy(folder.path() / "test.npy").shape(), (Shape{20, 10}));
  EXPECT_EQ(read_file(folder.path() / "said.txt"),
            "theano 0 " + folder.path().string() + " " + folder.path().string() + " none\n");
  EXPECT_TRUE(fs::exists(folder.path() / named_model_file(*result)));
  // It can keep out the images that choose the weights.
  EXPECT_EQ(read_npy(folder.path() / "validation_indices.npy").shape(), (Shape{20}));
  EXPECT_EQ(read_npy(folder.path() / "train_indices.npy").shape(), (Shape{80}));
  link_models(run, {"theano-0"});
  EXPECT_TRUE(fs::exists(run.models() / named_model_file(*result)));
}

TEST_F(ProgramMember, TakesTheFileThatTheSpecNames) {
  const RunFolder run = run_of("cp $THEIRS best-3.h5; cp $THEIRS zz_model.h5", "output: best-*.h5\n");
  ASSERT_EQ(train_member(run, "theano-0"), MemberState::kDone);
  EXPECT_EQ(run.member("theano-0").result()->model_file, "best-3.h5");
}

TEST_F(ProgramMember, FailuresAreWrittenDown) {
  EXPECT_THAT(failure_of(run_of("exit 3"), "theano-0"), HasSubstr("sh ended with exit code 3"));
  fs::remove_all(folder_ / "runs");
  EXPECT_THAT(failure_of(run_of("kill -9 $$"), "theano-0"), HasSubstr("sh ended with signal 9"));
  fs::remove_all(folder_ / "runs");
  EXPECT_THAT(failure_of(run_of("true"), "theano-0"), HasSubstr("the program left no .h5, .hdf5 or .keras file"));
  fs::remove_all(folder_ / "runs");
  EXPECT_THAT(failure_of(run_of("echo no > model.h5"), "theano-0"), HasSubstr("model.h5"));
  fs::remove_all(folder_ / "runs");
  EXPECT_THAT(failure_of(run_of("cp $THEIRS a.h5", "output: b.h5\n"), "theano-0"), HasSubstr("the program left no file b.h5"));
}

TEST_F(ProgramMember, AnEarlierAttemptsModelIsNotTaken) {
  const RunFolder run = run_of("if test -e old_model.h5; then cp $THEIRS final.h5; else cp $THEIRS old_model.h5; exit 1; fi");
  EXPECT_THAT(failure_of(run, "theano-0"), HasSubstr("exit code 1"));
  ASSERT_EQ(train_member(run, "theano-0"), MemberState::kDone);
  EXPECT_EQ(run.member("theano-0").result()->model_file, "final.h5");
}

TEST_F(ProgramMember, LeavesNobodyBehind) {
  const RunFolder run = run_of("(sleep 100 & echo $! > child.txt; wait)& sleep 0.2; cp $THEIRS a.h5");
  ASSERT_EQ(train_member(run, "theano-0"), MemberState::kDone);
  const int child = std::stoi(read_file(run.member("theano-0").path() / "child.txt"));
  // Killed; it may still have to be waited for by the system's first process.
  std::string state;
  for (int i = 0; i < 100 && ::kill(child, 0) == 0; ++i) {
    std::ifstream file("/proc/" + std::to_string(child) + "/stat");
    std::getline(file, state);
    if (state.find(") Z ") != std::string::npos) break;
    ::usleep(10'000);
  }
  EXPECT_TRUE(::kill(child, 0) != 0 || state.find(") Z ") != std::string::npos) << state;
}

TEST_F(ProgramMember, AModelOfNoProbabilitiesIsRefused) {
  Model model = model_from_yaml(kTinyModel, "m.yaml");
  std::vector<Tensor> weights = model.get_weights();
  weights.back().data<float>()[0] = NAN;
  model.set_weights(weights);
  model.save(folder_ / "nan.h5");
  model_from_yaml(R"(
layers:
  - Input: [32, 32, 3]
  - Flatten
  - Dense: 10
)",
                  "m.yaml")
      .save(folder_ / "logits.h5");
  const Spec spec = resolve(
      parse_spec(std::string("members: {include: [{trained: nan.h5}, {trained: logits.h5}]}") + kData, folder_ / "spec.yaml"));
  const RunFolder run = write_run(spec, folder_ / "runs", "r");
  EXPECT_THAT(failure_of(run, "nan"), HasSubstr("the model gives nan for a class. Expected probabilities"));
  EXPECT_THAT(failure_of(run, "logits"), HasSubstr("Expected probabilities"));
}

TEST_F(ProgramMember, ARunKnowsItsMembersByTheSameNames) {
  write_file_atomically(folder_ / "a.yaml", kTinyModel);
  write_file_atomically(folder_ / "spec.yaml", kTinyModel);  // a name that the run needs itself
  write_file_atomically(folder_ / "one.sh", "exit 1");
  write_file_atomically(folder_ / "two.sh", "exit 2");
  for (const char* text : {"model: a.yaml\nmembers: {model: [a.yaml, spec.yaml], seed: 1}",
                           "members: {command: [[sh, one.sh], [sh, two.sh]], seed: 1}\ncommand: [sh, one.sh]",
                           "model: a.yaml\nmembers: {seed: 1, include: [{trained: theirs.h5}]}"}) {
    const Spec spec = resolve(parse_spec(std::string(text) + kData, folder_ / "names.yaml"));
    const RunFolder run = write_run(spec, folder_ / "runs", "");
    const std::vector<Member> members = plan(spec_of_run(run));
    if (std::string(text).find("spec.yaml") == std::string::npos) {
      EXPECT_EQ(names_of(members), names_of(plan(spec))) << text;
    }
    check_members(members);
    for (const Member& member : members)
      if (member.kind() == MemberKind::kProgram) {
        EXPECT_TRUE(fs::path(member.spec.program.command[1]).is_absolute()) << text;
      }
  }
}

TEST_F(ProgramMember, ARunsOwnNamesAreNotForFilesOfOthers) {
  for (const char* name : {"members", "ended", "models", "ensemble"}) {
    write_file_atomically(folder_ / name, kTinyModel);
    const RunFolder run =
        write_run(resolve(parse_spec("model: " + std::string(name) + "\nmembers: {seed: 1}" + kData, folder_ / "names.yaml")),
                  folder_ / "runs", std::string("of-") + name);
    EXPECT_FALSE(fs::exists(run.path() / name));
    EXPECT_EQ(spec_of_run(run).model, run.path() / (std::string(name) + "-2"));
  }
}

TEST_F(ProgramMember, IsAskedToStop) {
  const RunFolder run = run_of("trap 'echo stopped > end.txt; exit 0' TERM; while :; do sleep 0.02; done");
  std::thread interrupt([] {
    ::usleep(300'000);
    set_interrupted(true);
  });
  const MemberState state = train_member(run, "theano-0");
  interrupt.join();
  EXPECT_EQ(state, MemberState::kInterrupted);
  EXPECT_EQ(run.member("theano-0").status().state, MemberState::kInterrupted);
  EXPECT_TRUE(fs::exists(run.member("theano-0").path() / "end.txt"));
}

TEST_F(ProgramMember, AProgramThatIsNotThereIsFoundBeforeTheRun) {
  const Spec spec = resolve(parse_spec(std::string("command: [no-such-program]") + kData, folder_ / "spec.yaml"));
  EXPECT_THROW(check_members(plan(spec)), Error);
}

TEST_F(ProgramMember, ATrainedModelOfAnybodyIsAMember) {
  model_from_yaml(kTinyModel, "m.yaml").save(folder_ / "cntk_0.7712_model.hdf5");
  const std::string text = "members: {include: [{trained: cntk_0.7712_model.hdf5}, {trained: theirs.h5, name: again}]}";
  const Spec spec = resolve(parse_spec(text + kData, folder_ / "spec.yaml"));
  check_members(plan(spec));
  const RunFolder run = write_run(spec, folder_ / "runs", "r");
  fs::remove(folder_ / "cntk_0.7712_model.hdf5");  // the run has its own copies
  fs::rename(folder_ / "runs", folder_ / "moved");
  const RunFolder moved(folder_ / "moved" / "spec" / "r");
  for (const char* name : {"cntk", "again"}) {
    ASSERT_EQ(train_member(moved, name), MemberState::kDone);
    EXPECT_EQ(moved.member(name).result()->epochs, 0);
    EXPECT_EQ(moved.member(name).result()->engine, "native");
  }
  EXPECT_EQ(read_file(moved.member("cntk").path() / "test.npy"), read_file(moved.member("again").path() / "test.npy"));
}

TEST_F(ProgramMember, AModelOfOtherClassesIsRefused) {
  model_from_yaml(R"(
layers:
  - Input: [32, 32, 3]
  - Flatten
  - Dense: {units: 7, activation: softmax}
)",
                  "m.yaml")
      .save(folder_ / "seven.h5");
  const Spec spec =
      resolve(parse_spec(std::string("members: {include: [{trained: seven.h5}]}") + kData, folder_ / "spec.yaml"));
  const RunFolder run = write_run(spec, folder_ / "runs", "r");
  EXPECT_THAT(failure_of(run, "seven"), HasSubstr("the data has 10 classes"));
}

TEST(Outcome, InsistsOnWriting) {
  ::setenv("TUTTI_STORE_PATIENCE", "5", 1);
  int tries = 0;
  insist([&] {
    if (++tries < 3) fail("disk", "full.");
  });
  EXPECT_EQ(tries, 3);
  ::setenv("TUTTI_STORE_PATIENCE", "0", 1);
  EXPECT_THROW(insist([] { fail("disk", "full."); }), Error);
  ::unsetenv("TUTTI_STORE_PATIENCE");
}

}  // namespace
}  // namespace tutti
