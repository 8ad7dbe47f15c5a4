// The program as its user sees it: arguments, output, exit codes, files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/end_to_end/shell.h"
#include "tests/temporary_folder.h"
#include "tests/tiny_model.h"
#include "tutti/base/files.h"
#include "tutti/data/npy.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Cli : public FolderTest {
 protected:
  void SetUp() override {
    if (!fs::exists(kTutti)) GTEST_SKIP() << kTutti << " is not built";
  }

  // Runs a shell command in the test's folder, in which `tutti` is the program.
  Result shell(const std::string& command) const { return run_shell(folder_, command); }
  void write_experiment(const std::string& members, const std::string& fit) const {
    write_file_atomically(folder_ / "model.yaml", kTinyModel);
    write_file_atomically(
        folder_ / "tiny.yaml",
        "model: model.yaml\ndata: {name: shapes, limit: 400, validation: 0.25, test_limit: 50, holdout: 6}\nfit: " + fit +
            "\nmembers: " + members + "\n");
  }
};

std::size_t lines(const std::string& text) { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')); }

TEST_F(Cli, PrintsItsVersion) {
  const Result result = shell("tutti --version");
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, ContainsRegex("^tutti [0-9]+\\.[0-9]+\\.[0-9]+\n$"));
}

TEST_F(Cli, EveryCommandHasHelpWithAnExample) {
  EXPECT_THAT(shell("tutti --help").out, HasSubstr("130 interrupted"));
  for (const char* command : {"train", "plan", "verify",   "compare",   "resume",    "cancel",  "status",    "logs",
                              "list",  "rm",   "report",   "evaluate",  "predict",   "summary", "graph",     "engines",
                              "bench", "data", "data get", "data list", "data show", "version", "completion"}) {
    const Result result = shell(std::string("tutti ") + command + " --help");
    EXPECT_EQ(result.code, 0) << command;
    EXPECT_THAT(result.out, HasSubstr("Example")) << command;
    EXPECT_THAT(result.out, HasSubstr(std::string("tutti ") + command)) << command;
  }
}

TEST_F(Cli, BenchPrintsLayersAndStepsOfEachEngine) {
  write_file_atomically(folder_ / "model.yaml", kTinyModel);
  const std::string bench = "tutti bench model.yaml --repetitions 2 --seconds 0.01 --engine ";
  const Result text = shell(bench + "native --engine reference");
  EXPECT_EQ(text.code, 0) << text.err;
  for (const char* expected : {"training step of 32 samples", "\nnative\nlayer", "\nreference\nlayer", "average_pooling2d",
                               "backward", "optimizer", "samples/s"})
    EXPECT_THAT(text.out, ContainsRegex(expected));
  // Google Benchmark would read these: they must not change what is measured.
  const std::string variables =
      "BENCHMARK_FILTER=nothing BENCHMARK_LIST_TESTS=true BENCHMARK_REPORT_AGGREGATES_ONLY=true "
      "BENCHMARK_DISPLAY_AGGREGATES_ONLY=true BENCHMARK_OUT=/nowhere/out ";
  const Result json = shell(variables + bench + "native --json > before.json; cat before.json");
  EXPECT_EQ(nlohmann::json::parse(json.out).at("engines").at(0).at("engine"), "native");
  EXPECT_EQ(nlohmann::json::parse(json.out).at("engines").at(0).at("step_seconds").size(), 2u);
  // A hundred times as fast before: a regression now. A hundred times as slow: none.
  const auto compare = [&](double factor) {
    auto before = nlohmann::json::parse(json.out);
    for (auto& seconds : before.at("engines").at(0).at("step_seconds")) seconds = seconds.get<double>() * factor;
    write_file_atomically(folder_ / "changed.json", before.dump());
    return shell(bench + "native --compare changed.json --tolerance 50");
  };
  const Result slower = compare(0.01), faster = compare(100);
  EXPECT_EQ(slower.code, 1) << slower.err;
  EXPECT_THAT(slower.out, HasSubstr("slower"));
  EXPECT_EQ(faster.code, 0) << faster.out;
  auto before = nlohmann::json::parse(json.out);
  before.at("engines").at(0).at("layers").at(0).at("layer") = "former";
  write_file_atomically(folder_ / "changed.json", before.dump());
  const Result unmatched = shell(bench + "native --engine reference --compare changed.json --tolerance 1000");
  EXPECT_EQ(unmatched.code, 0) << unmatched.err;
  EXPECT_THAT(unmatched.out, ContainsRegex("New, not in changed.json:\n  native: [^\n]*\n  reference\n"));
  EXPECT_THAT(unmatched.out, HasSubstr("Gone, only in changed.json:\n  native: former"));
  // Before anything is measured, which would take minutes.
  const Result other = shell("tutti bench model.yaml --engine native --seconds 60 --batch 8 --compare changed.json");
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(other.out, "");
  EXPECT_THAT(other.err, HasSubstr("another batch size: 32"));
}

// Which cannot be trained.
TEST_F(Cli, BenchMeasuresTheInferenceOfAModelWithTwoInputs) {
  write_file_atomically(folder_ / "two.yaml",
                        "name: two\nlayers:\n"
                        "  - Input: {shape: [4], name: a}\n  - Input: {shape: [4], name: b}\n"
                        "  - Concatenate: {inputs: [a, b]}\n  - Dense: 3\n");
  const Result result =
      shell("tutti bench two.yaml --inference --engine native --engine reference --repetitions 1 --seconds 0.01");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("inference step of 32 samples"));
  EXPECT_THAT(shell("tutti bench two.yaml").err, HasSubstr("only models with one input and one output can be trained"));
}

TEST_F(Cli, BenchSaysWhatIsWrongInOneLine) {
  write_file_atomically(folder_ / "model.yaml", kTinyModel);
  write_file_atomically(folder_ / "bad.json", "{");
  const std::vector<std::pair<std::string, std::string>> cases = {{"missing.yaml", "there is no file missing.yaml"},
                                                                  {"model.yaml --engine fast", "unknown engine"},
                                                                  {"model.yaml --engine native:cuda", "native runs on the CPU"},
                                                                  {"model.yaml --loss foo", "unknown loss"},
                                                                  {"model.yaml --seconds 0", "--seconds"},
                                                                  {"model.yaml --compare missing.json", "missing.json"},
                                                                  {"model.yaml --compare bad.json", "bad.json is not what"}};
  for (const auto& [arguments, expected] : cases) {
    const Result result = shell("tutti bench " + arguments);
    EXPECT_EQ(result.code, 1) << arguments;
    EXPECT_THAT(result.err, HasSubstr(expected)) << arguments;
    EXPECT_EQ(lines(result.err), 1u) << result.err;
    EXPECT_EQ(result.out, "") << arguments;
  }
}

TEST_F(Cli, WrongUsageIsOneLineThatHelps) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"tutti trian x.yaml", "unknown command 'trian'. Did you mean 'train'? See: tutti --help"},
      {"tutti summary a.yaml --jsn", "unknown argument '--jsn'. Did you mean '--json'? See: tutti summary --help"},
      {"tutti", "See: tutti --help"},
      {"tutti train", "SPEC is required"},
      {"tutti train a.yaml --parallel 0", "--parallel: 0 must be more than 0. See: tutti train --help"},
      {"tutti completion csh", "bash"}};
  for (const auto& [command, expected] : cases) {
    const Result result = shell(command);
    EXPECT_EQ(result.code, 2) << command;
    EXPECT_THAT(result.err, StartsWith("tutti: error: ")) << command;
    EXPECT_THAT(result.err, HasSubstr(expected)) << command;
    EXPECT_EQ(lines(result.err), 1u) << command << result.err;
  }
}

TEST_F(Cli, ErrorsAreOneLine) {
  write_file_atomically(folder_ / "bad.h5", "not HDF5");
  write_file_atomically(folder_ / "bad.npy", "not npy");
  write_experiment("{engine: native}", "{epoch: 3}");
  for (const char* command :
       {"tutti summary missing.yaml", "tutti summary bad.h5", "tutti train missing.yaml", "tutti train tiny.yaml",
        "tutti predict bad.h5 --npy bad.npy --out o.npy", "tutti predict missing.h5 --npy bad.npy --out o.npy",
        "tutti predict model.yaml", "tutti evaluate bad.h5 --data shapes", "tutti status nothing", "tutti data get nothing",
        "tutti report nothing", "tutti graph missing.json", "tutti plan missing.yaml", "tutti verify missing.yaml",
        "tutti compare nothing nowhere", "tutti predict nothing --data shapes", "tutti predict nothing"}) {
    const Result result = shell(command);
    EXPECT_EQ(result.code, 1) << command;
    EXPECT_THAT(result.err, StartsWith("tutti: error: ")) << command;
    EXPECT_EQ(lines(result.err), 1u) << command << result.err;
  }
  EXPECT_THAT(shell("tutti train tiny.yaml").err, HasSubstr("tiny.yaml:3] unknown key 'epoch' in fit. Did you mean 'epochs'?"));
}

TEST_F(Cli, SummaryAndGraphOfTheReferenceCnn) {
  const std::string model = TUTTI_SOURCE_DIR "/examples/cifar10_cnn.yaml";
  EXPECT_THAT(shell("tutti summary " + model).out, HasSubstr("1,250,858"));
  EXPECT_THAT(shell("tutti graph --batch 2 " + model).out, HasSubstr("Conv2D"));
  EXPECT_THAT(shell("tutti graph --train --dot " + model).out, StartsWith("digraph"));
  const Result json = shell("tutti summary --json " + model);
  EXPECT_EQ(nlohmann::json::parse(json.out).at("class_name"), "Sequential");
}

TEST_F(Cli, ListsEngines) {
  const auto list = nlohmann::json::parse(shell("tutti engines --json").out);
  EXPECT_GE(list.size(), 2u);
  const auto reference =
      std::find_if(list.begin(), list.end(), [](const auto& engine) { return engine.at("name") == "reference"; });
  ASSERT_NE(reference, list.end());
  EXPECT_EQ(reference->at("available"), true);
}

TEST_F(Cli, TheDoctorSaysWhatIsMissing) {
  const auto checks = nlohmann::json::parse(shell("tutti doctor --json").out);
  EXPECT_EQ(checks.at(0).at("name"), "processor");
  EXPECT_THAT(shell("tutti doctor").out, ContainsRegex("ok +engine native"));
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
  const Result cluster = shell("KUBECONFIG=/nowhere tutti doctor --on kubernetes");
  EXPECT_EQ(cluster.code, 1);
  EXPECT_THAT(cluster.out, ContainsRegex("FAIL +(cluster|kubectl) "));
  EXPECT_EQ(shell("touch file; tutti doctor --store file/runs").code, 1);
}

TEST_F(Cli, CompletionScriptsParse) {
  EXPECT_EQ(shell("tutti completion bash | bash -n").code, 0);
  EXPECT_EQ(shell("source <(tutti completion bash); COMP_WORDS=(tutti tr) COMP_CWORD=1; _tutti; echo ${COMPREPLY[@]}").out,
            "train\n");
  EXPECT_EQ(shell("source <(tutti completion bash); COMP_WORDS=(tutti data sh) COMP_CWORD=2; _tutti; echo ${COMPREPLY[@]}").out,
            "show\n");
  EXPECT_THAT(shell("tutti completion zsh").out, StartsWith("#compdef tutti"));
  EXPECT_THAT(shell("tutti completion fish").out, HasSubstr("complete -c tutti"));
}

TEST_F(Cli, AReaderThatGoesAwayIsNoError) {
  const Result result = shell("tutti completion fish | head -1");
  EXPECT_EQ(lines(result.out), 1u);
  EXPECT_EQ(result.err, "");
  const Result full = shell("tutti engines > /dev/full");
  EXPECT_EQ(full.code, 1);
  EXPECT_THAT(full.err, HasSubstr("cannot write the output"));
}

TEST_F(Cli, TrainsAnExperimentAndPredictsWithItsModels) {
  write_experiment("{engine: [native, reference], seed: [1]}", "{epochs: 2}");
  const Result trained = shell("tutti train tiny.yaml --run one");
  ASSERT_EQ(trained.code, 0) << trained.out << trained.err;
  EXPECT_THAT(trained.out, ContainsRegex("native-1 +epoch 2/2"));
  EXPECT_THAT(trained.out, ContainsRegex("\nensemble "));
  EXPECT_THAT(trained.out, HasSubstr("answer: "));
  const fs::path run = folder_ / "runs/tiny/one";
  for (const char* file :
       {"spec.yaml", "model.yaml", "environment.json", "ensemble/preds.csv", "ensemble/pred.csv", "ensemble/summary.md",
        "ensemble/report.html", "ensemble/loss.svg", "members/native-1/model.h5", "members/reference-1/history.csv"})
    EXPECT_TRUE(fs::exists(run / file)) << file;

  // The article's step: all model files of one folder, weighted by the accuracies in their names.
  const Result predicted =
      shell("tutti predict runs/tiny/one/models --weights accuracy --data shapes --limit 6 --preds p.csv --out p.npy");
  ASSERT_EQ(predicted.code, 0) << predicted.err;
  std::istringstream again(read_file(folder_ / "p.csv")), before(read_file(run / "ensemble/preds.csv"));
  std::string a, b;
  int numbers = 0;
  while (std::getline(again, a, ',') && std::getline(before, b, ',')) {
    EXPECT_NEAR(std::stod(a), std::stod(b), 1e-5);
    ++numbers;
  }
  EXPECT_EQ(numbers, 6 * 9 + 1);  // the last of a line and the first of the next stand in one cell
  EXPECT_EQ(read_npy(folder_ / "p.npy").shape(), (Shape{6, 10}));

  const auto status = nlohmann::json::parse(shell("tutti status tiny --json").out);
  EXPECT_EQ(status.at("members").at(0).at("state"), "done");
  const auto report = nlohmann::json::parse(shell("tutti report tiny/one --json").out);
  EXPECT_EQ(report.at("members").size(), 2u);
  const auto score = nlohmann::json::parse(
      shell("tutti evaluate runs/tiny/one/members/native-1/model.h5 --data shapes --limit 50 --json").out);
  EXPECT_NEAR(score.at("accuracy").get<double>(), report.at("members").at(0).at("test").at("accuracy").get<double>(), 1e-9);
}

TEST_F(Cli, AFailedMemberDoesNotStopTheOthers) {
  write_experiment("{engine: native, seed: 1, device: [cpu, abacus]}", "{epochs: 1}");
  const Result result = shell("tutti train tiny.yaml");
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.out, HasSubstr("native-1-abacus: failed: "));
  EXPECT_THAT(result.out, HasSubstr("native-1-abacus is not in it"));
  EXPECT_THAT(result.out, ContainsRegex("\nnative-1-cpu "));
}

TEST_F(Cli, AMisspeltEngineIsRefusedBeforeAnythingStarts) {
  write_experiment("{engine: [native, onednm]}", "{epochs: 1}");
  const Result result = shell("tutti train tiny.yaml");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("unknown engine 'onednm'. Did you mean 'onednn'?"));
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST_F(Cli, AnInterruptSavesEveryMember) {
  write_experiment("{engine: [native], seed: [1, 2]}", "{epochs: 100000}");
  const Result result = shell("'" + kTutti +
                              "' train tiny.yaml --run r & pid=$!; "
                              "for i in $(seq 200); do grep -q '\"epoch\": [1-9]' runs/tiny/r/members/*-1/status.json && "
                              "grep -q '\"epoch\": [1-9]' runs/tiny/r/members/*-2/status.json && break; sleep 0.1; done "
                              "2>/dev/null; kill -TERM $pid; wait $pid");
  EXPECT_EQ(result.code, 130) << result.out << result.err;
  for (const char* member : {"native-1", "native-2"}) {
    const fs::path folder = folder_ / "runs/tiny/r/members" / member;
    EXPECT_EQ(nlohmann::json::parse(read_file(folder / "status.json")).at("state"), "interrupted");
    EXPECT_TRUE(fs::exists(folder / "model.h5"));
  }
}

TEST_F(Cli, ARunIsFollowedCancelledAndRemoved) {
  write_experiment("{engine: [native], seed: [1, 2]}", "{epochs: 100000}");
  const Result result = shell("'" + kTutti +
                              "' train tiny.yaml --run r > train.txt & pid=$!; "
                              "for i in $(seq 200); do grep -qs '\"epoch\": [1-9]' runs/tiny/r/members/*-1/status.json && "
                              "grep -qs '\"epoch\": [1-9]' runs/tiny/r/members/*-2/status.json && break; sleep 0.1; done; "
                              "tutti list; tutti rm tiny/r 2>&1; tutti logs tiny/r; tutti cancel; wait $pid; echo code $?; "
                              "tutti list; tutti cancel; tutti rm tiny 2>&1");
  EXPECT_THAT(result.out, ContainsRegex("tiny/r .* running .*0 of 2"));
  EXPECT_THAT(result.out, ContainsRegex("native-[12] is being trained by process"));
  EXPECT_THAT(result.out, ContainsRegex("native-1 \\| Epoch 1/100000"));
  EXPECT_THAT(result.out, ContainsRegex("native-2 \\| Epoch 1/100000"));
  EXPECT_THAT(result.out, HasSubstr("Go on with: tutti resume"));
  EXPECT_THAT(result.out, HasSubstr("code 130"));
  EXPECT_THAT(result.out, ContainsRegex("tiny/r .* stopped .*0 of 2"));
  EXPECT_THAT(result.out, HasSubstr("nothing of"));
  EXPECT_THAT(result.out, HasSubstr("which run of tiny?"));
  EXPECT_EQ(shell("tutti rm tiny/r").code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "runs/tiny/r"));
  EXPECT_THAT(shell("tutti list").out, HasSubstr("There is no run"));
  EXPECT_EQ(shell("tutti rm tiny/r").code, 1);
}

TEST_F(Cli, PlansAndVerifiesWithoutTraining) {
  write_experiment("{engine: [native], seed: [1, 2], include: [{name: theirs, command: [sh, -c, 'true']}]}", "{epochs: 3}");
  const Result planned = shell("tutti plan tiny.yaml");
  ASSERT_EQ(planned.code, 0) << planned.err;
  EXPECT_THAT(planned.out, ContainsRegex("native-2 +1930 .*FLOP.* MiB .*3 epochs"));
  EXPECT_THAT(planned.out, ContainsRegex("theirs +a program of its own"));
  EXPECT_THAT(planned.out, HasSubstr("The time of all is not known"));  // a program tells none
  EXPECT_THAT(shell("tutti plan tiny.yaml --set members.include=[]").out, HasSubstr("all together"));
  const auto json = nlohmann::json::parse(shell("tutti plan tiny.yaml --json").out);
  ASSERT_EQ(json.size(), 3u);
  EXPECT_GT(json.at(0).at("images_per_second"), 0);
  EXPECT_EQ(json.at(0).at("training_samples"), 300);
  EXPECT_EQ(json.at(2).at("reason"), "a program of its own");
  // An engine that is not there is a line of the table, as it is a member that fails.
  EXPECT_THAT(shell("TUTTI_PLUGIN_PATH=/nowhere tutti plan tiny.yaml --set 'members.engine=[torch]' --set members.include=[] "
                    "--set fit.device=cuda:9")
                  .out,
              HasSubstr("torch-1"));

  const Result verified = shell("tutti verify tiny.yaml --steps 3");
  ASSERT_EQ(verified.code, 0) << verified.err;
  EXPECT_THAT(verified.out, ContainsRegex("average_pooling2d.* +[0-9]"));
  EXPECT_THAT(verified.out, HasSubstr("native agrees"));
  EXPECT_EQ(nlohmann::json::parse(shell("tutti verify tiny.yaml --steps 2 --json").out).at("ok"), true);
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST_F(Cli, MembersMayBeProgramsAndTrainedModels) {
  write_experiment("{engine: [native], seed: [1]}", "{epochs: 1}");
  ASSERT_EQ(shell("tutti train tiny.yaml --run first").code, 0);
  fs::copy_file(folder_ / "runs/tiny/first/members/native-1/model.h5", folder_ / "cntk_0.7712_model.hdf5");
  write_file_atomically(folder_ / "train.sh", "test $KERAS_BACKEND = theano || exit 9\ncp \"$THEIRS\" theano_0.5_model.h5\n");
  write_experiment("{engine: [native], seed: [1], include: [{command: [sh, train.sh], env: {KERAS_BACKEND: theano, THEIRS: " +
                       (folder_ / "cntk_0.7712_model.hdf5").string() + "}}, {trained: cntk_0.7712_model.hdf5}]}",
                   "{epochs: 1}\nensemble: {weights: likelihood, temperature: both}");
  const Result trained = shell("tutti train tiny.yaml --run second");
  ASSERT_EQ(trained.code, 0) << trained.out << trained.err;
  for (const char* name : {"native-1", "theano-0", "cntk"})
    EXPECT_THAT(trained.out, ContainsRegex(std::string(name) + " .*%")) << name;
  EXPECT_THAT(trained.out, HasSubstr("is as accurate as the best member"));  // three times the same model
  const auto report = nlohmann::json::parse(shell("tutti report --json").out);
  EXPECT_EQ(report.at("members").size(), 3u);
  EXPECT_EQ(report.at("disagreement").at(0).at(1), 0.0);

  const Result compared = shell("tutti compare tiny/first tiny");
  ASSERT_EQ(compared.code, 0) << compared.err;
  EXPECT_THAT(compared.out, ContainsRegex("members.include +.*theano"));
  EXPECT_THAT(compared.out, Not(ContainsRegex("\nmodel ")));
  EXPECT_THAT(shell("tutti compare tiny/first tiny/first").out, HasSubstr("The specs are the same."));
  EXPECT_THAT(compared.out, ContainsRegex("native-1 .*\\+0.00 +1.0000"));
  EXPECT_THAT(compared.out, HasSubstr("Both ensembles are equally accurate on 50 images."));
  EXPECT_EQ(nlohmann::json::parse(shell("tutti compare tiny/first tiny/second --json").out).at("members").size(), 3u);
}

TEST_F(Cli, PredictsWithARun) {
  write_experiment("{engine: [native], seed: [1, 2]}", "{epochs: 1}");
  ASSERT_EQ(shell("tutti train tiny.yaml --run r").code, 0);
  const Result known = shell("tutti predict tiny --data shapes --limit 6");
  ASSERT_EQ(known.code, 0) << known.err;
  EXPECT_THAT(known.out, ContainsRegex("1 +native-1 .*%"));
  EXPECT_THAT(known.out, HasSubstr("answer: "));
  EXPECT_THAT(known.out, ContainsRegex("ensemble: accuracy [0-9.]+ %"));
  // The same images as the run's own holdout.
  std::istringstream again(read_file(folder_ / "preds.csv")), before(read_file(folder_ / "runs/tiny/r/ensemble/preds.csv"));
  std::string a, b;
  int rows = 0;
  for (; std::getline(again, a) && std::getline(before, b); ++rows) EXPECT_NEAR(std::stod(a), std::stod(b), 1e-5);
  EXPECT_EQ(rows, 6);

  const std::string pixel(
      "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9c"
      "c\xf8\xcf\xc0\0\0\3\1\1\0\xc9\xfe\x92\xef\0\0\0\0IEND\xae"
      "B`\x82",
      69);
  write_file_atomically(folder_ / "photos/holiday/red.png", pixel);
  const Result photos = shell("tutti predict tiny/r --images photos --preds p.csv --pred q.csv");
  ASSERT_EQ(photos.code, 0) << photos.err;
  EXPECT_THAT(photos.out, HasSubstr("holiday/red.png"));
  EXPECT_THAT(photos.out, Not(HasSubstr("answer")));
  EXPECT_EQ(lines(read_file(folder_ / "p.csv")), 1u);
  EXPECT_THAT(read_file(folder_ / "q.csv"), StartsWith("prediction,rate\n"));
  EXPECT_EQ(nlohmann::json::parse(shell("tutti predict tiny/r --images photos --json").out).at(0).at("members").size(), 2u);
  EXPECT_THAT(shell("mkdir empty; tutti predict tiny/r --images empty").err, HasSubstr("has no .jpg"));
  EXPECT_THAT(shell("tutti predict tiny/r").err, HasSubstr("expected either --images DIR or --data NAME"));
  write_file_atomically(folder_ / "photos/cut.png", pixel.substr(0, 40));
  const Result cut = shell("tutti predict tiny/r --images photos");
  EXPECT_EQ(cut.code, 1);
  EXPECT_THAT(cut.err, HasSubstr("cut.png"));
}

TEST_F(Cli, AStandingEnsembleGrowsAndGoesBack) {
  write_experiment("{engine: [native], seed: [1, 2]}", "{epochs: 2}\nensemble: {weights: uniform, grow: true}");
  const Result first = shell("tutti train tiny.yaml --run one --set members.seed=[1] --set fit.learning_rate=1");
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("native-1 joined the standing ensemble: version 1 has 1 member"));
  // The first one's learning rate is far too large.
  const Result second = shell("tutti train tiny.yaml --run two --set members.seed=[3]");
  EXPECT_THAT(second.out, HasSubstr("native-3 joined the standing ensemble: version 2"));
  EXPECT_THAT(shell("tutti ensemble list tiny").out, ContainsRegex("2 .*two .*in use"));
  EXPECT_THAT(shell("tutti ensemble show tiny").out, ContainsRegex("two +native-3"));
  const Result predicted = shell("tutti predict tiny --standing --data shapes --limit 3");
  EXPECT_THAT(predicted.out, ContainsRegex("two/native-3 .*%")) << predicted.err;
  EXPECT_THAT(shell("tutti rm tiny/two").err, HasSubstr("is in the standing ensemble"));
  EXPECT_EQ(shell("tutti ensemble rollback tiny").out, "version 1 is in use\n");
  EXPECT_EQ(nlohmann::json::parse(shell("tutti ensemble list tiny --json").out).at(0).at("in_use"), true);
  EXPECT_THAT(shell("tutti ensemble rollback tiny").err, HasSubstr("there is none before it"));
  EXPECT_EQ(shell("tutti rm tiny/two").code, 0);
  EXPECT_THAT(shell("tutti ensemble list nothing").err, HasSubstr("has no standing ensemble"));
  EXPECT_THAT(shell("tutti predict nothing --standing --data shapes").err, HasSubstr("has no standing ensemble"));
}

TEST_F(Cli, StatusWatchesUntilTheEnd) {
  write_experiment("{engine: [native], seed: [1]}", "{epochs: 30}");
  const Result result = shell(
      "tutti train tiny.yaml --run r >/dev/null & "
      "for i in $(seq 100); do test -e runs/tiny/r/members/native-1/status.json && break; sleep 0.05; done; "
      "tutti status --watch tiny; wait");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, ContainsRegex("native-1 +epoch 30/30 .*done\n$"));
}

}  // namespace
}  // namespace tutti
