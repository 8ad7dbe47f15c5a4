#include <limits>
#include <map>
#include <ostream>
#include <set>

#include <gmock/gmock.h>

#include "tutti/data/datasets.h"
#include "tutti/nn/layers.h"
#include "tutti/notebook/show_value.h"

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
}

}  // namespace
}  // namespace tutti
