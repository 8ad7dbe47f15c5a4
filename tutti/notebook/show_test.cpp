#include <limits>
#include <map>
#include <ostream>
#include <set>

#include <gmock/gmock.h>

#include "tests/temporary_folder.h"
#include "tests/written_run.h"
#include "tutti/data/datasets.h"
#include "tutti/ensemble/ensemble.h"
#include "tutti/nn/layers.h"
#include "tutti/notebook/show_value.h"
#include "tutti/report/results.h"

namespace mine {

struct Shown {};
tutti::MimeBundle mime_bundle(const Shown&) { return {{"text/plain", "mine"}, {"text/html", "<b>mine</b>"}}; }
struct Printed {};
std::ostream& operator<<(std::ostream& out, const Printed&) { return out << "printed"; }
struct Silent {};

}  // namespace mine

namespace tutti {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

template <class T>
std::string text(const T& value) {
  return plain_text(bundle_of(value));
}

TEST(Show, WritesValuesAsAnExpressionWouldBe) {
  EXPECT_EQ(text(42), "42");
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(0.1f), "0.1");
  EXPECT_EQ(text(true), "true");
  EXPECT_EQ(text('x'), "'x'");
  EXPECT_EQ(text(std::string("a\"b\n")), "\"a\\\"b\\n\"");
  EXPECT_EQ(text("literal"), "\"literal\"");
  EXPECT_EQ(text(nullptr), "nullptr");
  EXPECT_EQ(text(static_cast<const char*>(nullptr)), "nullptr");
  EXPECT_EQ(text(std::vector<int>{1, 2}), "{1, 2}");
  EXPECT_EQ(text(std::vector<std::string>{"a"}), "{\"a\"}");
  EXPECT_EQ(text(std::map<std::string, int>{{"a", 1}}), "{(\"a\", 1)}");
  EXPECT_EQ(text(std::set<double>{}), "{}");
  EXPECT_EQ(text(std::optional<int>{}), "nothing");
  EXPECT_EQ(text(std::tuple(1, "x", 2.5)), "(1, \"x\", 2.5)");
  EXPECT_EQ(text(std::vector<std::vector<int>>{{1}, {2, 3}}), "{{1}, {2, 3}}");
}

TEST(Show, TakesATypesOwnWay) {
  EXPECT_EQ(text(mine::Shown{}), "mine");
  EXPECT_EQ(bundle_of(mine::Shown{}).at("text/html"), "<b>mine</b>");
  EXPECT_EQ(text(mine::Printed{}), "printed");
  EXPECT_THAT(text(mine::Silent{}), StartsWith("<mine::Silent object at 0x"));
  EXPECT_EQ(text(std::vector<mine::Shown>(2)), "{mine, mine}");
}

TEST(Show, CutsWhatIsLong) {
  EXPECT_LT(text(std::vector<int>(1'000'000)).size(), 10'000u);
  EXPECT_LT(text(Tensor({1000, 1000})).size(), 10'000u);
  EXPECT_LT(text(Tensor({10, 10, 10, 10, 10})).size(), 100'000u);
}

TEST(Show, WritesTensorsAsNumPyDoes) {
  EXPECT_EQ(text(Tensor::of<float>({2, 2}, {1, 2.5f, -3, std::numeric_limits<float>::quiet_NaN()})),
            "Tensor (2, 2) float32\n[[  1, 2.5],\n [ -3, nan]]");
  EXPECT_EQ(text(Tensor()), "Tensor (0,) float32");
  EXPECT_EQ(text(Tensor::scalar(3)), "Tensor () int32\n3");
  EXPECT_EQ(text(Tensor::of<std::int64_t>({3}, {1, 20, 300})), "Tensor (3,) int64\n[  1,  20, 300]");
}

TEST(Show, ShowsImagesAsPictures) {
  EXPECT_THAT(mime_bundle(Tensor({8, 9, 3}, DType::kUInt8)).at("image/png"), StartsWith("\x89PNG"));
  EXPECT_THAT(mime_bundle(Tensor({50, 8, 8, 1}, DType::kUInt8)).at("image/png"), StartsWith("\x89PNG"));
  EXPECT_FALSE(mime_bundle(Tensor({8, 9, 4}, DType::kUInt8)).contains("image/png"));
  const auto [train, test] = datasets::shapes();
  const MimeBundle bundle = mime_bundle(train.take(12));
  EXPECT_THAT(bundle.at("image/png"), StartsWith("\x89PNG"));
  EXPECT_THAT(plain_text(bundle), HasSubstr("12 samples (32, 32, 3) uint8"));
}

TEST(Show, ShowsFloatImagesAsTheSamePictures) {
  Tensor pixels({8, 8, 1}, DType::kUInt8), values({8, 8, 1});
  for (std::size_t i = 0; i < 64; ++i) {
    pixels.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(4 * i);
    values.data<float>()[i] = static_cast<float>(4 * i) / 255.0f;
  }
  const std::string picture = mime_bundle(pixels).at("image/png");
  EXPECT_EQ(mime_bundle(values).at("image/png"), picture);                        // [0, 1]
  EXPECT_EQ(mime_bundle(pixels.cast(DType::kFloat32)).at("image/png"), picture);  // [0, 255]
  EXPECT_EQ(mime_bundle(values.cast(DType::kFloat64)).at("image/png"), picture);
  const Shape batch = {1, 8, 8, 1};
  EXPECT_EQ(mime_bundle(values.reshape(batch)).at("image/png"), mime_bundle(pixels.reshape(batch)).at("image/png"));
  for (const float no_pixel : {-0.1f, 256.0f, std::numeric_limits<float>::quiet_NaN()}) {
    values.data<float>()[5] = no_pixel;
    EXPECT_FALSE(mime_bundle(values).contains("image/png")) << no_pixel;
  }
  EXPECT_FALSE(mime_bundle(Tensor({8, 8})).contains("image/png"));  // a matrix
}

TEST(Show, DrawsShortcutsAroundTheBoxes) {
  const Symbol x = Input({3});
  const Symbol y = Dense(3)(Dense(3)(x));
  const std::string html = mime_bundle(Model(x, Add()({x, y}))).at("text/html");
  // Boxes are 210 wide from 4 on; the shortcut goes down right of them.
  EXPECT_THAT(html, HasSubstr("Q224 "));
  EXPECT_THAT(html, HasSubstr("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"228\""));
  EXPECT_THAT(html, testing::Not(HasSubstr("<details")));
  // From the second column the way to the lane leads left.
  const Symbol beside = Dense(3)(x);
  const Symbol deep = Dense(3)(Dense(3)(Dense(3)(x)));
  EXPECT_THAT(mime_bundle(Model(x, Add()({deep, Dense(3)(beside)}))).at("text/html"), HasSubstr("H234Q224 "));
  // Names stay in their boxes; all of them stands in the tooltip.
  const std::string named =
      mime_bundle(Sequential({Input({3}), Dense(2, {.name = std::string(20, 'a') + std::string(40, 'x')})})).at("text/html");
  EXPECT_THAT(named, HasSubstr("</tspan> aaaaaaaaaaaaaaaaaaaaxx…</text>"));
  EXPECT_THAT(named, HasSubstr(std::string(40, 'x') + "</title>"));
}

TEST(Show, ShowsConfusionMatricesAsTables) {
  const ConfusionMatrix matrix =
      confusion_matrix(Tensor::of<int>({4}, {0, 0, 1, 1}), Tensor::of<int>({4}, {0, 1, 1, 1}), {"cat", "<dog>"});
  const MimeBundle bundle = mime_bundle(matrix);
  EXPECT_EQ(plain_text(bundle),
            "Confusion matrix of 4 samples in 2 classes, accuracy 75.00 %\n"
            "true \\ predicted  cat  <dog>   recall\n"
            "─────────────────────────────────────\n"
            "cat                 1      1   50.0 %\n"
            "<dog>               0      2  100.0 %");
  EXPECT_THAT(bundle.at("text/html"), HasSubstr("&lt;dog&gt;"));
  EXPECT_THAT(bundle.at("text/html"), HasSubstr("100.0 %"));
  // Of many classes the confusions.
  const MimeBundle many = mime_bundle(confusion_matrix(Tensor::of<int>({3}, {0, 0, 99}), Tensor::of<int>({3}, {7, 7, 99})));
  EXPECT_THAT(plain_text(many), HasSubstr("100 classes, accuracy 33.33 %; the most frequent confusions"));
  EXPECT_THAT(plain_text(many), HasSubstr("100.0 %"));
  EXPECT_EQ(plain_text(many).find("99"), std::string::npos);
  EXPECT_EQ(plain_text(mime_bundle(ConfusionMatrix())).find("nan"), std::string::npos);
}

TEST(Show, ShowsEnsemblesAsTables) {
  const TemporaryFolder folder;
  const RunFolder run = write_test_run(folder.path());
  write_test_member(run, "native-1", 0.9f);
  write_test_member(run, "torch-1", 0.2f);
  const RunResults results = read_results(run);
  const MimeBundle bundle = mime_bundle(results);
  for (const auto& [type, text] : bundle) {
    EXPECT_THAT(text, HasSubstr(verdict(results))) << type;
    EXPECT_THAT(text, HasSubstr("native-1")) << type;
    EXPECT_THAT(text, HasSubstr("34.24–100.00 %")) << type;  // Wilson's interval of 2 of 2
  }
  EXPECT_EQ(bundle.size(), 2u);
  EXPECT_THAT(plain_text(mime_bundle(results.combination)), HasSubstr("1.0000"));
  EXPECT_THAT(mime_bundle(results.combination).at("text/html"), HasSubstr("<table"));
  EXPECT_THAT(plain_text(mime_bundle(results.score)), HasSubstr("100.00 %"));
  EXPECT_THAT(plain_text(mime_bundle(results.test)), HasSubstr("McNemar p = 1.0000: may be chance"));
  EXPECT_THAT(plain_text(mime_bundle(diversity_of(results))), HasSubstr("100.00 %"));
  show_value(results);
  EXPECT_EQ(plain_text(*take_shown_value()), plain_text(bundle));
  EXPECT_THAT(plain_text(mime_bundle(RunResults())), HasSubstr("nothing to combine"));
}

TEST(Show, DrawsModelsAndHistories) {
  const Model model = Sequential({Input({3}), Dense(2), Dense(1)});
  const MimeBundle bundle = mime_bundle(model);
  EXPECT_EQ(plain_text(bundle), model.summary_text());
  EXPECT_THAT(bundle.at("text/html"), HasSubstr("<svg"));
  EXPECT_THAT(bundle.at("text/html"), HasSubstr("(None, 2)"));

  History history{.epoch = {0, 1}, .logs = {{{"loss", 2}, {"val_loss", 3}}, {{"loss", 1}, {"val_loss", 2}}}};
  EXPECT_THAT(plain_text(mime_bundle(history)), HasSubstr("2 epochs\nlast: loss 1 val_loss 2"));
  EXPECT_THAT(mime_bundle(history).at("text/html"), HasSubstr("<svg"));
  EXPECT_EQ(mime_bundle(History()).count("text/html"), 0u);
}

TEST(Show, KeepsTheValueOfACellOnce) {
  show_value(7);
  const auto value = take_shown_value();
  ASSERT_TRUE(value);
  EXPECT_EQ(plain_text(*value), "7");
  EXPECT_FALSE(take_shown_value());
  // The same by the library and by the template.
  show_value("literal");
  EXPECT_EQ(plain_text(*take_shown_value()), "\"literal\"");
  show_value(std::vector<int>{1});
  EXPECT_EQ(plain_text(*take_shown_value()), "{1}");
  show_value(Sequential({Input({3}), Dense(2)}));
  EXPECT_THAT(plain_text(*take_shown_value()), HasSubstr("Total params: 8"));
  show_value(std::set<int>{1});
  EXPECT_EQ(plain_text(*take_shown_value()), "{1}");
}

}  // namespace
}  // namespace tutti
