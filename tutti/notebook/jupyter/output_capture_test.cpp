#include "tutti/notebook/jupyter/output_capture.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <thread>

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
    for (int i = 0; i < 1000 && during.empty(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      during = sink.seen().out;
    }
  }
  EXPECT_EQ(during, "working\r");
}

TEST(OutputCapture, EndsWhileAThreadWrites) {
  const auto sigpipe = std::signal(SIGPIPE, SIG_IGN);  // as in a kernel: its pipe has lost its reader
  const int terminal = ::dup(1), nowhere = ::open("/dev/null", O_WRONLY);
  std::fflush(stdout);
  ::dup2(nowhere, 1);  // what is written when the capture has gone
  Sink sink;
  std::atomic<bool> stop{false};
  std::thread writer;
  {
    OutputCapture capture(sink.function());
    writer = std::thread([&] {
      while (!stop) std::puts("x");
    });
    while (sink.seen().out.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  stop = true;
  writer.join();
  std::fflush(stdout);
  ::dup2(terminal, 1);
  ::close(terminal);
  ::close(nowhere);
  std::signal(SIGPIPE, sigpipe);
  EXPECT_THAT(sink.seen().out, testing::StartsWith("x\nx\n"));
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
