#include "tutti/report/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tutti/base/base64.h"
#include "tutti/data/images.h"
#include "tutti/ensemble/combine.h"
#include "tutti/report/hard_images.h"
#include "tutti/report/html_classes.h"
#include "tutti/report/html_parts.h"

namespace tutti {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// (n, classes) probabilities: `sure` for the class that a member says, the rest shared by the others.
Tensor votes(const std::vector<std::int32_t>& says, std::int64_t classes, float sure = 0.7f) {
  Tensor p({static_cast<std::int64_t>(says.size()), classes});
  const auto values = p.data<float>();
  std::ranges::fill(values, (1 - sure) / static_cast<float>(classes - 1));
  for (std::size_t i = 0; i < says.size(); ++i)
    values[i * static_cast<std::size_t>(classes) + static_cast<std::size_t>(says[i])] = sure;
  return p;
}

RunResults results_of(const std::vector<Tensor>& predictions, const std::vector<std::int32_t>& labels) {
  RunResults results{.experiment = "by hand", .run = "1", .model = "m", .data = "d", .weights = "accuracy"};
  results.labels = Tensor::of<std::int32_t>({static_cast<std::int64_t>(labels.size())}, labels);
  const double weight = 1.0 / static_cast<double>(predictions.size());
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    MemberOutcome member{.test = predictions[i], .weight = weight, .score = score(predictions[i], results.labels)};
    member.result.name = "member-" + std::to_string(i);
    member.result.engine = "native";
    member.result.seed = i;
    member.history = {{"loss", "val_loss"}, {{2.0, 1.0}, {2.5, 1.5}}};
    results.members.push_back(member);
  }
  results.combination = {std::vector<double>(predictions.size(), weight), std::vector<double>(predictions.size(), 1.0)};
  results.ensemble = combine(predictions, results.combination.weights);
  results.score = score(results.ensemble, results.labels);
  return results;
}

// Three members, four images, three classes.
RunResults three_members() {
  RunResults results = results_of({votes({0, 1, 2, 1}, 3), votes({0, 1, 1, 1}, 3), votes({0, 2, 1, 2}, 3, 0.9f)}, {0, 1, 2, 0});
  results.class_names = {"cat", "dog", "frog"};
  return results;
}

Dataset pictures(std::int64_t count) {
  Tensor x({count, 2, 2, 3}, DType::kUInt8);
  for (std::int64_t i = 0; i < count; ++i)
    for (std::size_t k = 0; k < 12; ++k)
      x.data<std::uint8_t>()[static_cast<std::size_t>(12 * i) + k] = static_cast<std::uint8_t>(i);
  return Dataset::from_tensors(x, Tensor(Shape{count}, DType::kInt32));
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

TEST(ReportHtml, HasAllSectionsAndNeedsNoOtherFile) {
  RunResults results = three_members();
  results.environment = {{"CPU", "fast"}};
  const std::string html = report_html(results, pictures(4));
  for (const char* id :
       {"members", "accuracies", "curves", "classes", "confusion", "reliability", "diversity", "hard", "environment"}) {
    EXPECT_EQ(count_of(html, fmt::format("<section id=\"{}\">", id)), 1u) << id;
    EXPECT_THAT(html, HasSubstr(fmt::format("<a href=\"#{}\">", id)));
  }
  EXPECT_THAT(html, HasSubstr("0, 1, 2</td>"));  // the seeds
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("http")));
  for (const char* tag : {"section", "table", "svg", "figure", "div", "details", "tr"})
    EXPECT_EQ(count_of(html, fmt::format("<{}", tag)), count_of(html, fmt::format("</{}>", tag))) << tag;
}

TEST(ReportHtml, EscapesWhatComesFromFiles) {
  const std::string hostile = "<img src=x onerror=\"alert(1)\">&";
  RunResults results = three_members();
  results.experiment = results.run = results.model = results.data = results.weights = hostile;
  results.class_names = {hostile, hostile, hostile};
  for (MemberOutcome& member : results.members) member.result.name = member.result.engine = hostile;
  results.members[0].result.engine = "other" + hostile;
  for (MemberOutcome& member : results.members) member.result.values = {{hostile, hostile + member.result.engine}};
  results.missing = {{hostile, {.state = MemberState::kFailed, .error = hostile}}};
  results.environment = {{hostile, hostile}};
  const std::string html = report_html(results, pictures(4));
  EXPECT_THAT(html, HasSubstr("&lt;img src=x"));
  EXPECT_THAT(html, Not(HasSubstr("<img src=x")));
  EXPECT_THAT(html, Not(HasSubstr("\"alert")));
}

TEST(ReportHtml, ListsMembersThatFailedWithTheirError) {
  RunResults results{.experiment = "none"};
  results.missing = {{"torch-1", {.state = MemberState::kFailed, .epoch = 2, .epochs = 5, .error = "out of memory"}}};
  const std::string html = report_html(results, {});
  EXPECT_THAT(html, HasSubstr("<b>torch-1</b> failed after 2 of 5 epochs: <span class=\"error\">out of memory</span>"));
  EXPECT_THAT(html, Not(HasSubstr("id=\"hard\"")));
  EXPECT_THAT(report_html({.experiment = "none"}, {}), HasSubstr("nothing to combine"));
}

TEST(ReportHtml, IsAReportOfOneMember) {
  const std::string html = report_html(results_of({votes({0, 1}, 2)}, {0, 0}), pictures(2));
  EXPECT_THAT(html, HasSubstr("id=\"hard\""));
  EXPECT_THAT(html, Not(HasSubstr("id=\"diversity\"")));
  EXPECT_EQ(count_of(html, "<svg class=\"reliability\""), 1u);
}

TEST(ReportHtml, ShowsTemperaturesOnlyWhereThereAreSome) {
  RunResults results = three_members();
  EXPECT_THAT(report_html(results, {}), Not(HasSubstr(">temperature<")));
  results.members[1].temperature = 1.25;
  EXPECT_THAT(report_html(results, {}), HasSubstr(">1.250<"));
}

TEST(ReportHtml, SaysThatThereAreNoPictures) {
  const RunResults results = three_members();
  EXPECT_THAT(report_html(results, {}), HasSubstr("not at hand"));
  const Dataset rows = Dataset::from_tensors(Tensor({4, 7}), Tensor(Shape{4}, DType::kInt32));
  EXPECT_THAT(report_html(results, rows), HasSubstr("are no pictures"));
  EXPECT_THAT(report_html(results_of({votes({0, 1}, 2)}, {0, 1}), pictures(2)), HasSubstr("No member gets any"));
}

TEST(ReportHtml, LeavesOutWhatIsNoNumber) {
  RunResults results = three_members();
  for (MemberOutcome& member : results.members) member.history = {{"loss", "val_loss"}, {{NAN, NAN}, {NAN, INFINITY}}};
  results.members[0].result.validation.accuracy = NAN;
  std::string html = report_html(results, pictures(4));
  EXPECT_THAT(html, Not(HasSubstr("id=\"curves\"")));
  results.members[0].history.columns[0][1] = 1.0;
  html = report_html(results, pictures(4));
  EXPECT_THAT(html, HasSubstr("id=\"curves\""));
  EXPECT_THAT(html, Not(testing::ContainsRegex("[^a-z]nan[^a-z]")));
  EXPECT_THAT(html, Not(testing::ContainsRegex("[^a-z]inf[^a-z]")));
}

TEST(ReportHtml, ListsConfusionsOfManyClasses) {
  std::vector<std::int32_t> labels, says;
  for (int i = 0; i < 60; ++i) {
    labels.push_back(i % 30);
    says.push_back(i % 30 == 7 ? 9 : i % 30);
  }
  const std::string html = report_html(results_of({votes(says, 30), votes(labels, 30, 0.5f)}, labels), pictures(60));
  EXPECT_THAT(html, Not(HasSubstr("true \\ predicted")));
  EXPECT_THAT(html, HasSubstr("<td>7</td><td>9</td><td class=\"number\">2</td><td class=\"number\">100.0 %</td>"));
}

TEST(ReportHtml, SumsUpTheVotesOfManyMembers) {
  const std::vector<Tensor> predictions(40, votes({1, 0}, 2));
  const std::string html = report_html(results_of(predictions, {0, 0}), pictures(2));
  EXPECT_THAT(html, HasSubstr("<th>40 members</th><td>1</td><td class=\"number\">70 %</td>"));
  EXPECT_EQ(count_of(html, "<polyline"), 40u);  // the validation's
  EXPECT_THAT(html, HasSubstr("The other members"));
}

TEST(HardestImages, AreThoseThatMostMembersGetWrong) {
  // Wrong: nobody on image 0, one on image 1, two on image 2, three on image 3.
  const RunResults results = three_members();
  std::vector<std::int64_t> order, wrong;
  for (const HardImage& image : hardest_images(results)) {
    order.push_back(image.index);
    wrong.push_back(image.wrong);
  }
  EXPECT_THAT(order, ElementsAre(3, 2, 1));
  EXPECT_THAT(wrong, ElementsAre(3, 2, 1));
  EXPECT_EQ(hardest_images(results, 2).size(), 2u);
}

TEST(HardestImages, OfAsManyMembersComeWithTheLeastProbabilityFirst) {
  const Tensor p = Tensor::of<float>({3, 2}, {0.4f, 0.6f, 0.1f, 0.9f, 0.3f, 0.7f});
  const RunResults results = results_of({p, p}, {0, 0, 0});
  std::vector<std::int64_t> order;
  for (const HardImage& image : hardest_images(results)) order.push_back(image.index);
  EXPECT_THAT(order, ElementsAre(1, 2, 0));
  EXPECT_NEAR(hardest_images(results)[0].probability, 0.1, 1e-6);
}

TEST(HardestImages, AreShownInTheirOrder) {
  const Dataset data = pictures(4);
  const std::string html = hard_images_section(three_members(), data);
  std::size_t last = 0;
  for (const std::int64_t index : {3, 2, 1}) {
    const std::size_t at = html.find(base64(encode_png(data.get(index).x)));
    ASSERT_NE(at, std::string::npos);
    EXPECT_GT(at, last);
    last = at;
  }
  EXPECT_EQ(count_of(html, "<img"), 3u);
}

TEST(Shade, HasNineSteps) {
  EXPECT_EQ(shade('r', 0), "");
  EXPECT_EQ(shade('r', 0.001), "r1");
  EXPECT_EQ(shade('w', 1), "w9");
  EXPECT_EQ(shade('w', NAN), "");
}

}  // namespace
}  // namespace tutti
