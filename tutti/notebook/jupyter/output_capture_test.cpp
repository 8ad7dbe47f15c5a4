#include "tutti/notebook/jupyter/output_capture.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <gmock/gmock.h>

namespace tutti::jupyter {
namespace {

using ::testing::ElementsAre;

class Sink {
 public:
  StreamSink function() {
    return [this](const std::string& name, const std::string& text) {
      std::scoped_lock lock(mutex_);
      (name == "stdout" ? seen_.out : seen_.err) += text;
      ++seen_.pieces;
      seen_.longest = std::max(seen_.longest, text.size());
    };
  }
  struct Seen {
    std::string out, err;
    std::size_t pieces = 0, longest = 0;
  };
  Seen seen() const {
    std::scoped_lock lock(mutex_);
    return seen_;
  }

 private:
  mutable std::mutex mutex_;
  Seen seen_;
};

// A test's own words must not go into the pipe: what is captured is looked at when the capture is gone.
TEST(OutputCapture, SeesEverything) {
  Sink sink;
  std::string out, err;
  {
    OutputCapture capture(sink.function());
    std::printf("printf\n");
    std::cout << "cout\n";
    std::fputs("stderr\n", stderr);
    [[maybe_unused]] const int code = std::system("echo child; echo child2 >&2");
    std::printf("no newline");
    capture.drain();
    out = sink.seen().out;
    err = sink.seen().err;
  }
  EXPECT_EQ(out, "printf\ncout\nchild\nno newline");
  EXPECT_EQ(err, "stderr\nchild2\n");
}

TEST(OutputCapture, StreamsWhileTheCellRuns) {
  Sink sink;
  std::string during;
  {
    OutputCapture capture(sink.function());
    std::printf("working\r");
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    during = sink.seen().out;
  }
  EXPECT_EQ(during, "working\r");
}

TEST(OutputCapture, AFloodIsAFewMessages) {
  Sink sink;
  std::size_t pieces = 0;
  std::string out;
  const auto begin = std::chrono::steady_clock::now();
  {
    OutputCapture capture(sink.function());
    for (int i = 0; i < 200'000; ++i) std::printf("line %d €\n", i);
    capture.drain();
    out = sink.seen().out;
    pieces = sink.seen().pieces;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  EXPECT_EQ(std::ranges::count(out, '\n'), 200'000);
  EXPECT_THAT(out, testing::EndsWith("line 199999 €\n"));
  EXPECT_EQ(out.find("\uFFFD"), std::string::npos);
  EXPECT_LT(pieces, 400u);
  EXPECT_LT(sink.seen().longest, std::size_t{1} << 20);
}

}  // namespace
}  // namespace tutti::jupyter
