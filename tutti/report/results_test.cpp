#include "tutti/report/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/npy.h"
#include "tutti/report/html.h"
#include "tutti/report/plots.h"
#include "tutti/report/report.h"
#include "tutti/report/summary.h"
#include "tutti/report/tables.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A run whose members are written by hand: two classes, four test images.
class ResultsTest : public FolderTest {
 protected:
  void SetUp() override {
    write_file_atomically(folder_ / "spec.yaml",
                          "name: by-hand\nmodel: m.yaml\ndata: {name: shapes, holdout: 2, limit: 40, test_limit: 4}\n"
                          "members: {engine: [native, torch], seed: [1]}\n");
    write_file_atomically(folder_ / "environment.json", R"({"CPU": "<fast>"})");
  }

  void write_member(const std::string& engine, double validation, std::initializer_list<float> probabilities,
                    std::initializer_list<std::int32_t> labels = {0, 1, 0, 1}) const {
    const MemberFolder folder = RunFolder(folder_).member(engine + "-1");
    MemberResult result{.name = engine + "-1", .engine = engine, .seed = 1, .epochs = 2};
    result.validation = {.loss = 0.5, .accuracy = validation, .samples = 10};
    result.test = {.loss = 0.5, .accuracy = 0.5, .samples = 4};
    result.class_names = {"cat", "dog"};
    folder.write_result(result);
    write_file_atomically(folder.path() / "test.npy", to_npy(Tensor::of<float>({4, 2}, probabilities)));
    write_file_atomically(folder.path() / "test_labels.npy", to_npy(Tensor::of<std::int32_t>({4}, labels)));
    // Ten validation images of the first class, so many of them right.
    Tensor guesses({10, 2});
    for (std::size_t n = 0; n < 10; ++n)
      guesses.data<float>()[2 * n + (static_cast<double>(n) < 10 * validation - 0.5 ? 0 : 1)] = 1.f;
    write_file_atomically(folder.path() / "validation.npy", to_npy(guesses));
    write_file_atomically(folder.path() / "validation_labels.npy", to_npy(Tensor({10}, DType::kInt32)));
    write_file_atomically(folder.path() / "history.csv",
                          "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,1.5,0.4,1.7\n1,0.6,1.25,0.5,\n");
  }
  RunFolder run() const { return RunFolder(folder_); }
};

TEST_F(ResultsTest, CombinesByValidationAccuracy) {
  write_member("native", 0.9, {1.f, 0.f, 1.f, 0.f, 1.f, 0.f, 0.f, 1.f});
  write_member("torch", 0.3, {0.f, 1.f, 0.f, 1.f, 1.f, 0.f, 0.f, 1.f});
  const RunResults results = read_results(run());
  ASSERT_EQ(results.members.size(), 2u);
  EXPECT_NEAR(results.members[0].weight, 0.75, 1e-12);
  EXPECT_EQ(results.best, 0u);
  EXPECT_FLOAT_EQ(results.ensemble.data<float>()[0], 0.75f);
  EXPECT_EQ(results.members[0].score.correct, 3);
  EXPECT_EQ(results.score.correct, 3);
  EXPECT_THAT(members_table(results), HasSubstr("ensemble"));
  EXPECT_THAT(images_table(results), HasSubstr("answer: cat"));
  EXPECT_THAT(images_table(results), HasSubstr("75.000%"));
  EXPECT_THAT(verdict(results), HasSubstr("is as accurate as the best member, native-1"));
}

TEST_F(ResultsTest, WritesTheArticlesFilesForTheHoldout) {
  write_member("native", 0.9, {1.f, 0.f, 1.f, 0.f, 1.f, 0.f, 0.f, 1.f});
  write_member("torch", 0.3, {0.f, 1.f, 0.f, 1.f, 1.f, 0.f, 0.f, 1.f});
  const RunResults results = read_results(run());
  write_report(run(), results);
  EXPECT_EQ(read_file(folder_ / "ensemble/preds.csv"), "0.75,0.25\n0.75,0.25\n");
  EXPECT_EQ(read_file(folder_ / "ensemble/pred.csv"), "prediction,rate\n0,0.75\n0,0.75\n");
  EXPECT_THAT(read_file(folder_ / "ensemble/summary.md"), HasSubstr("| native-1 |"));
  EXPECT_THAT(read_file(folder_ / "ensemble/results.json"), HasSubstr("\"best_member\": \"native-1\""));
  EXPECT_THAT(read_file(folder_ / "ensemble/loss.svg"), HasSubstr("<svg"));
  const std::string html = read_file(folder_ / "ensemble/report.html");
  EXPECT_THAT(html, HasSubstr("&lt;fast&gt;"));
  EXPECT_THAT(html, HasSubstr("<polyline"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  // Nothing beside the files that are meant to be there.
  for (const auto& entry : fs::directory_iterator(folder_ / "ensemble"))
    EXPECT_THAT(entry.path().filename().string(), Not(StartsWith("."))) << entry.path();
}

TEST_F(ResultsTest, GoesOnWithoutTheMembersThatFailed) {
  write_member("native", 0.9, {1.f, 0.f, 1.f, 0.f, 1.f, 0.f, 0.f, 1.f});
  run().member("torch-1").write_status({.state = MemberState::kFailed, .error = "no plug-in"});
  const RunResults results = read_results(run());
  EXPECT_EQ(results.members.size(), 1u);
  EXPECT_THAT(verdict(results), HasSubstr("torch-1 is not in it: failed, no plug-in."));
  write_report(run(), results);
}

TEST_F(ResultsTest, IsAReportWithoutAnyMember) {
  const RunResults results = read_results(run());
  EXPECT_THAT(verdict(results), HasSubstr("nothing to combine"));
  write_report(run(), results);
  EXPECT_FALSE(fs::exists(folder_ / "ensemble/preds.csv"));
  EXPECT_TRUE(fs::exists(folder_ / "ensemble/report.html"));
}

TEST_F(ResultsTest, GoesOnWithoutDamagedPredictions) {
  write_member("native", 0.9, {1.f, 0.f, 1.f, 0.f, 1.f, 0.f, 0.f, 1.f});
  write_member("torch", 0.3, {1.f, 0.f, 1.f, 0.f, 1.f, 0.f, 0.f, 1.f});
  write_file_atomically(folder_ / "members/torch-1/test.npy", read_file(folder_ / "members/torch-1/test.npy").substr(0, 90));
  const RunResults results = read_results(run());
  EXPECT_EQ(results.members.size(), 1u);
  EXPECT_THAT(verdict(results), HasSubstr("torch-1 is not in it: failed"));
}

TEST_F(ResultsTest, RefusesMembersOfDifferentTestSplits) {
  write_member("native", 0.9, {1.f, 0.f, 1.f, 0.f, 1.f, 0.f, 0.f, 1.f});
  write_member("torch", 0.9, {1.f, 0.f, 1.f, 0.f, 1.f, 0.f, 0.f, 1.f}, {0, 0, 0, 1});
  EXPECT_THROW(read_results(run()), Error);
}

TEST_F(ResultsTest, FitsWeightsOnOneValidationSplitOnly) {
  write_member("native", 0.9, {1.f, 0.f, 1.f, 0.f, 1.f, 0.f, 0.f, 1.f});
  write_member("torch", 0.3, {1.f, 0.f, 1.f, 0.f, 1.f, 0.f, 0.f, 1.f});
  const auto set_rule = [&](const std::string& rule) {
    write_file_atomically(folder_ / "spec.yaml",
                          "name: by-hand\nmodel: m.yaml\ndata: {name: shapes, holdout: 2}\n"
                          "members: {engine: [native, torch], seed: [1]}\nensemble: {weights: " +
                              rule + "}\n");
  };
  set_rule("likelihood");
  const RunResults fitted = read_results(run());
  EXPECT_GT(fitted.members[0].weight, 0.9);
  EXPECT_EQ(fitted.weights, "likelihood");
  // Each member has its own validation images: their accuracies are comparable, their predictions are not.
  write_file_atomically(folder_ / "members/torch-1/validation_labels.npy",
                        to_npy(Tensor::of<std::int32_t>({10}, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0})));
  EXPECT_THROW(read_results(run()), Error);
  set_rule("accuracy");
  EXPECT_NEAR(read_results(run()).members[0].weight, 0.75, 1e-12);
}

TEST(Tables, AlignNumbersToTheRight) {
  Table table({"name", "value"});
  table.add({"é", "1.5"});
  table.rule();
  table.add({"long name", "12.5"});
  EXPECT_EQ(table.text(), "name       value\n────────────────\né            1.5\n────────────────\nlong name   12.5\n");
  EXPECT_EQ(table.markdown(), "| name | value |\n|---|---:|\n| é | 1.5 |\n| long name | 12.5 |\n");
  Table words({"what"});
  words.add({"60,000 pictures"});
  words.add({"few"});
  EXPECT_THAT(words.text(), HasSubstr("\nfew\n"));
  Table hostile({"<b>"});
  hostile.add({"\"&"});
  EXPECT_THAT(hostile.html(), HasSubstr("&lt;b&gt;"));
  EXPECT_THAT(hostile.html(), HasSubstr("&quot;&amp;"));
}

TEST(Plots, SkipsWhatIsNoNumber) {
  const std::string svg = svg_plot("a < b", {{"m", {1.0, NAN, 3.0}, false, 0}, {"n", {}, true, 1}});
  EXPECT_THAT(svg, HasSubstr("a &lt; b"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg_plot("constant", {{"m", {2.0, 2.0}, false, 0}}), Not(HasSubstr("inf")));
}

TEST(SvgPlot, DrawsValuesOfAnySize) {
  for (const double value : {1e14, -3e15, 1e200, 1e299}) {
    const std::string svg = svg_plot("constant", {{"m", {value, value}}});
    EXPECT_THAT(svg, HasSubstr("<polyline points=\"64.0,170.0 484.0,170.0\"/>")) << value;
    EXPECT_THAT(svg, Not(HasSubstr("nan"))) << value;
  }
  // What a double cannot keep apart from infinity is left out.
  const std::string svg = svg_plot("diverged", {{"m", {1.0, 2.0, -1.7e308, 1.7e308}}});
  EXPECT_THAT(svg, HasSubstr("<polyline"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(SvgPlot, HasNoStyleSheetForThePageAroundIt) {
  const std::string svg = svg_plot("loss", {{"m", {1.0, 2.0}}});
  EXPECT_THAT(svg, Not(HasSubstr("<style")));
  EXPECT_THAT(svg, Not(HasSubstr("class=")));
  EXPECT_THAT(svg, HasSubstr("color=\"#0072B2\""));
}

TEST(SvgPlot, KeepsRoomForTheEpochsToCome) {
  // The second of five epochs stands at a quarter of the axis.
  EXPECT_THAT(svg_plot("loss", {{"m", {1.0, 1.0}}}, 5), HasSubstr("points=\"64.0,170.0 169.0,170.0\""));
}

}  // namespace
}  // namespace tutti
