// The program as its user sees it: arguments, output, exit codes, files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "tutti/base/files.h"
#include "tutti/data/npy.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kProgram = TUTTI_BINARY_DIR "/bin/tutti";

struct Result {
  int code = -1;
  std::string out, err;
};

class Cli : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kProgram)) GTEST_SKIP() << kProgram << " is not built";
    folder_ = fs::temp_directory_path() /
              (std::string("tutti_cli_test_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Runs a shell command in the test's folder, in which `tutti` is the program.
  Result shell(const std::string& command) const {
    const std::string full = "cd '" + folder_.string() + "' && export XDG_CACHE_HOME=$PWD && tutti() { '" + kProgram +
                             "' \"$@\"; } && { " + command + " ; } >out.txt 2>err.txt";
    const int status = std::system(("bash -c " + quoted(full)).c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(folder_ / "out.txt"), read_file(folder_ / "err.txt")};
  }
  static std::string quoted(const std::string& text) {
    std::string result = "'";
    for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return result + "'";
  }
  void write_experiment(const std::string& members, const std::string& fit) const {
    write_file_atomically(folder_ / "model.yaml", R"(
layers:
  - Input: [32, 32, 3]
  - Rescaling: 1/255
  - AveragePooling2D: [4, 4]
  - Flatten
  - Dense: {units: 10, activation: softmax}
)");
    write_file_atomically(
        folder_ / "tiny.yaml",
        "model: model.yaml\ndata: {name: shapes, limit: 400, validation: 0.25, test_limit: 50, holdout: 6}\nfit: " + fit +
            "\nmembers: " + members + "\n");
  }
  fs::path folder_;
};

std::size_t lines(const std::string& text) { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')); }

TEST_F(Cli, PrintsItsVersion) {
  const Result result = shell("tutti --version");
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, ContainsRegex("^tutti [0-9]+\\.[0-9]+\\.[0-9]+\n$"));
}

TEST_F(Cli, EveryCommandHasHelpWithAnExample) {
  EXPECT_THAT(shell("tutti --help").out, HasSubstr("130 interrupted"));
  for (const char* command :
       {"train", "resume", "cancel", "status", "logs", "list", "rm", "report", "evaluate", "predict", "summary", "graph",
        "engines", "data", "data get", "data list", "data show", "version", "completion"}) {
    const Result result = shell(std::string("tutti ") + command + " --help");
    EXPECT_EQ(result.code, 0) << command;
    EXPECT_THAT(result.out, HasSubstr("Example")) << command;
    EXPECT_THAT(result.out, HasSubstr(std::string("tutti ") + command)) << command;
  }
}

TEST_F(Cli, WrongUsageIsOneLineThatHelps) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"tutti trian x.yaml", "unknown command 'trian'. Did you mean 'train'? See: tutti --help"},
      {"tutti summary a.yaml --jsn", "unknown argument '--jsn'. Did you mean '--json'? See: tutti summary --help"},
      {"tutti", "See: tutti --help"},
      {"tutti train", "SPEC is required"},
      {"tutti train a.yaml --parallel 0", "--parallel"},
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
        "tutti report nothing", "tutti graph missing.json"}) {
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
  const Result result = shell("'" + kProgram +
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
  const Result result = shell("'" + kProgram +
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

}  // namespace
}  // namespace tutti
