#include "tutti/notebook/live_fit.h"

#include <gmock/gmock.h>

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/nn/callbacks.h"
#include "tutti/nn/layers.h"
#include "tutti/notebook/show_value.h"

namespace tutti {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Keeps what was shown live.
class LiveRecorder : public Display {
 public:
  void text(std::string_view text) override { printed += text; }
  void show(const MimeBundle&) override {}
  void live(std::string_view, std::string_view text) override { printed += text; }
  void show_live(std::string_view id, const MimeBundle& bundle) override {
    ids.emplace_back(id);
    bundles.push_back(bundle);
  }
  bool is_interactive() const override { return true; }
  int width() const override { return 80; }

  std::string printed;
  std::vector<std::string> ids;
  std::vector<MimeBundle> bundles;
};

class LiveFitTest : public testing::Test {
 protected:
  LiveFitTest() {
    model.compile({.optimizer = SGD({.learning_rate = 0.01}), .loss = "mse", .metrics = {"mae"}, .engine = "reference"});
    use_live_fit();
  }
  ~LiveFitTest() override {
    set_progress(nullptr);
    set_display(old);
    set_interrupted(false);
    take_shown_value();
  }
  History fit(FitOptions options) { return model.fit(Tensor({8, 1}), Tensor({8, 1}), std::move(options)); }
  std::string last_html() const { return recorder->bundles.back().at("text/html"); }

  std::shared_ptr<LiveRecorder> recorder = std::make_shared<LiveRecorder>();
  std::shared_ptr<Display> old = set_display(recorder);
  Model model = Sequential({Input({1}), Dense(1)});
};

TEST_F(LiveFitTest, DrawsBarValuesAndCurvesInOneDisplay) {
  fit({.batch_size = 2, .epochs = 3, .validation_split = 0.5});
  ASSERT_GE(recorder->ids.size(), 2u);
  for (const std::string& id : recorder->ids) EXPECT_EQ(id, recorder->ids.front());
  EXPECT_EQ(recorder->printed, "");
  EXPECT_THAT(last_html(), HasSubstr("done: epoch 3/3"));
  EXPECT_THAT(last_html(), HasSubstr("width:100.0%"));
  EXPECT_THAT(last_html(), HasSubstr("val_loss: "));
  EXPECT_THAT(last_html(), HasSubstr("<title>validation</title>"));
  EXPECT_THAT(last_html(), HasSubstr("<title>training</title>"));
  const std::string text = plain_text(recorder->bundles.back());
  EXPECT_THAT(text, StartsWith("Epoch 1/3\n"));
  EXPECT_THAT(text, HasSubstr("\nEpoch 3/3\n"));
  EXPECT_THAT(text, HasSubstr("2/2"));
  EXPECT_THAT(text, HasSubstr("━━━━━━━━━━━━━━━━━━━━"));
  // Each fit has its own.
  const std::string id = recorder->ids.front();
  fit({.epochs = 1});
  EXPECT_NE(recorder->ids.back(), id);
}

TEST_F(LiveFitTest, DrawsFourTimesASecondAtMost) {
  const auto begin = std::chrono::steady_clock::now();
  fit({.batch_size = 1, .epochs = 200});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  // The begin and the end besides.
  EXPECT_LE(static_cast<double>(recorder->bundles.size()), 4 * seconds + 2);
  // Long texts are cut.
  EXPECT_THAT(plain_text(recorder->bundles.back()), StartsWith("...\n"));
}

TEST_F(LiveFitTest, TellsHowItEnded) {
  fit({.epochs = 9,
       .callbacks = {LambdaCallback({.on_epoch_end = [](FitState& state, Logs&) { state.stop_training = true; }})}});
  EXPECT_THAT(last_html(), HasSubstr("ended by a callback: epoch 1/9"));
  EXPECT_THROW(fit({.epochs = 9,
                    .callbacks = {LambdaCallback({.on_batch_end = [](FitState&, const Logs&) { set_interrupted(true); }})}}),
               Interrupted);
  EXPECT_THAT(last_html(), HasSubstr("interrupted: epoch 1/9, step 1/1"));
  EXPECT_THAT(last_html(), HasSubstr("<circle"));  // what it had come to
  EXPECT_THAT(plain_text(recorder->bundles.back()), testing::EndsWith("\ninterrupted"));
  set_interrupted(false);
  EXPECT_THROW(fit({.epochs = 9,
                    .callbacks = {LambdaCallback({.on_epoch_end =
                                                      [](FitState& state, Logs&) {
                                                        if (state.epoch == 1) fail("test", "no more.");
                                                      }})}}),
               Error);
  EXPECT_THAT(last_html(), HasSubstr("ended by an error: epoch 2/9"));
}

TEST_F(LiveFitTest, IsAsQuietAsItIsTold) {
  fit({.epochs = 1, .verbose = 0});
  EXPECT_EQ(recorder->printed, "");
  fit({.epochs = 1, .verbose = 2});
  EXPECT_THAT(recorder->printed, HasSubstr("1/1 - 0s"));
  EXPECT_TRUE(recorder->bundles.empty());
}

TEST_F(LiveFitTest, TheValueOfTheSameCellDrawsNothingAgain) {
  take_shown_value();
  const History history = fit({.epochs = 2});
  show_value(history);
  MimeBundle value = take_shown_value().value();
  EXPECT_THAT(plain_text(value), HasSubstr("History of 2 epochs"));
  EXPECT_FALSE(value.contains("text/html"));
  // The next cell.
  show_value(history);
  EXPECT_TRUE(take_shown_value()->contains("text/html"));
  // Another history than the one that was drawn.
  fit({.epochs = 3});
  show_value(history);
  EXPECT_TRUE(take_shown_value()->contains("text/html"));
}

TEST_F(LiveFitTest, GoesOnWithTheCurvesOfTheFitBefore) {
  TrainingState state;
  fit({.epochs = 2, .callbacks = {LambdaCallback({.on_epoch_end = [&](FitState& fit, Logs&) { state = fit.snapshot(); }})}});
  const std::shared_ptr<LiveRecorder> second = std::make_shared<LiveRecorder>();
  set_display(second);
  fit({.epochs = 4, .callbacks = {LambdaCallback({})}, .resume = state});
  std::size_t points = 0;
  const std::string html = second->bundles.back().at("text/html");
  for (std::size_t at = html.find("<circle"); at != std::string::npos; at = html.find("<circle", at + 1)) ++points;
  EXPECT_EQ(points, 2 * 4u);  // loss and mae
}

}  // namespace
}  // namespace tutti
