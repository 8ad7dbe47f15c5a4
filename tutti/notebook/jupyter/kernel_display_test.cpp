#include "tutti/notebook/jupyter/kernel_display.h"

#include <gmock/gmock.h>

#include "tutti/nn/callbacks.h"
#include "tutti/nn/layers.h"
#include "tutti/nn/model.h"
#include "tutti/notebook/jupyter/fake_transport.h"
#include "tutti/notebook/live_fit.h"

namespace tutti::jupyter {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class KernelDisplayTest : public ::testing::Test {
 protected:
  // "display_data text", "update_display_data text", "print text"
  std::vector<std::string> shown() {
    for (const Message& message : transport.sent(Channel::kIopub))
      log.push_back(message.type() + " " + message.content["data"].value("text/plain", "?"));
    transport.clear();
    return std::exchange(log, {});
  }

  FakeTransport transport;
  MessageMaker maker;
  Iopub iopub{transport, maker};
  std::vector<std::string> log;
  KernelDisplay::Clock::time_point now{std::chrono::hours(1)};
  KernelDisplay display{{.iopub = iopub,
                         .print = [this](std::string_view text) { log.push_back("print " + std::string(text)); },
                         .now = [this] { return now; }}};
};

TEST_F(KernelDisplayTest, LiveUpdatesOneDisplayTwentyTimesASecond) {
  display.live("fit", "1");
  display.live("fit", "2");
  EXPECT_THAT(shown(), ElementsAre("display_data 1"));
  now += milliseconds(50);
  display.live("fit", "3");
  EXPECT_THAT(shown(), ElementsAre("update_display_data 3"));
  display.live("fit", "4");
  display.tick();
  EXPECT_THAT(shown(), IsEmpty());
  now += milliseconds(50);
  display.tick();
  display.tick();
  EXPECT_THAT(shown(), ElementsAre("update_display_data 4"));
  display.live("fit", "5");
  display.flush();
  EXPECT_THAT(shown(), ElementsAre("update_display_data 5"));
}

TEST_F(KernelDisplayTest, OneDisplayAnIdAndACell) {
  display.live("a", "1");
  display.live("b", "2");
  now += milliseconds(50);
  display.live("a", "3");
  const std::vector<Message> sent = transport.sent(Channel::kIopub);
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0].content["transient"], sent[2].content["transient"]);
  EXPECT_NE(sent[0].content["transient"], sent[1].content["transient"]);
  display.begin_cell();
  display.live("a", "4");
  EXPECT_THAT(shown().back(), "display_data 4");
}

// As the progress bar of fit() writes it.
TEST_F(KernelDisplayTest, AllEpochsStandInOneBlock) {
  display.text("Epoch 1/2\n");
  display.live("fit", "1/2 ===");
  display.live("fit", "2/2 ======");
  display.text("\n");
  display.text("Epoch 2/2\n");
  display.live("fit", "1/2 ===");
  display.live("fit", "2/2 ======");
  display.text("\n");
  now += milliseconds(50);
  display.tick();
  EXPECT_THAT(shown(), ElementsAre("print Epoch 1/2\n",
                                   "display_data 1/2 ===", "update_display_data 2/2 ======\nEpoch 2/2\n2/2 ======"));
}

TEST_F(KernelDisplayTest, TextStandsBelowWhatCameBefore) {
  display.live("fit", "bar");
  display.note_other_output();
  display.text("below\n");
  EXPECT_THAT(shown(), ElementsAre("print below\n", "display_data bar"));  // two ways out; the prints come first here
  display.live("fit", "bar 2");
  display.show({{"text/plain", "table"}});
  EXPECT_THAT(shown(), ElementsAre("update_display_data bar 2", "display_data table"));
  display.text("text\n");
  EXPECT_THAT(shown(), ElementsAre("print text\n"));
}

TEST_F(KernelDisplayTest, ALongBlockIsLeftAlone) {
  display.live("fit", "bar");
  display.text(std::string(20'000, 'x'));
  transport.clear();
  display.live("fit", "bar");
  EXPECT_THAT(shown(), ElementsAre("display_data bar"));
}

TEST_F(KernelDisplayTest, AFitIsOneDisplayThatGrows) {
  const auto kernel_display = std::shared_ptr<Display>(&display, [](Display*) {});
  const std::shared_ptr<Display> old = set_display(kernel_display);
  use_live_fit();
  Model model = Sequential({Input({1}), Dense(1)});
  model.compile({.loss = "mse", .engine = "reference"});
  model.fit(Tensor({8, 1}), Tensor({8, 1}), {.batch_size = 2, .epochs = 2});
  set_progress(nullptr);
  set_display(old);
  display.flush();
  const std::vector<Message> sent = transport.sent(Channel::kIopub);
  ASSERT_GE(sent.size(), 2u);
  EXPECT_EQ(sent[0].type(), "display_data");
  for (std::size_t i = 1; i < sent.size(); ++i) {
    EXPECT_EQ(sent[i].type(), "update_display_data");
    EXPECT_EQ(sent[i].content["transient"]["display_id"], sent[0].content["transient"]["display_id"]);
  }
  EXPECT_TRUE(sent[0].content["transient"]["display_id"].is_string());
  const Json& last = sent.back().content["data"];
  EXPECT_THAT(last["text/html"].get<std::string>(), ::testing::HasSubstr("done: epoch 2/2"));
  EXPECT_THAT(last["text/html"].get<std::string>(), ::testing::HasSubstr("<svg"));
  EXPECT_THAT(last["text/plain"].get<std::string>(), ::testing::HasSubstr("Epoch 2/2\n"));
  EXPECT_THAT(log, IsEmpty());  // nothing printed
}

TEST_F(KernelDisplayTest, PicturesAreBase64) {
  display.show({{"image/png", "\x89PNG"}, {"image/svg+xml", "<svg/>"}, {"application/json", "{\"a\": 1}"}});
  const Json data = transport.sent(Channel::kIopub).at(0).content["data"];
  EXPECT_EQ(data["image/png"], "iVBORw==");
  EXPECT_EQ(data["image/svg+xml"], "<svg/>");
  EXPECT_EQ(data["application/json"]["a"], 1);
}

}  // namespace
}  // namespace tutti::jupyter
