#include "tutti/notebook/jupyter/output_capture.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "tutti/base/error.h"
#include "tutti/notebook/jupyter/signals.h"

namespace tutti::jupyter {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// The eye sees no shorter steps, and a front-end draws each message.
constexpr milliseconds kInterval{50};
// Of one message. A flood of 200,000 lines is a dozen of these.
constexpr std::size_t kMaxText = std::size_t{1} << 18;
// Between two full messages, 32 MB/s: a front-end in Python keeps up, and zmq need not drop what nobody fetched.
constexpr milliseconds kPause{8};
constexpr std::size_t kPipeBytes = 1 << 16;  // Linux's capacity of a pipe

}  // namespace

OutputCapture::OutputCapture(StreamSink sink) : sink_(std::move(sink)) {
  std::fflush(nullptr);
  for (Stream& stream : streams_) open(stream);
  // Else a pipe is buffered in blocks, and a line would wait for the next.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  const BlockedSignals blocked;
  reader_ = std::thread([this] { read_loop(); });
  flusher_ = std::thread([this] { flush_loop(); });
}

OutputCapture::~OutputCapture() {
  drain();
  // First: it may wait for a thread of the user's that writes, and that one for the reader.
  stop_flushing_ = true;
  flusher_.join();
  stop_reading_ = true;
  for (Stream& stream : streams_) ::dup2(stream.real, stream.number);
  reader_.join();
  for (Stream& stream : streams_) {
    ::close(stream.real);
    ::close(stream.pipe);
  }
}

void OutputCapture::open(Stream& stream) {
  std::array<int, 2> ends{};
  stream.real = ::fcntl(stream.number, F_DUPFD_CLOEXEC, 3);
  if (stream.real < 0) stream.real = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (::pipe2(ends.data(), O_CLOEXEC) != 0 || ::dup2(ends[1], stream.number) < 0)
    fail("kernel", "cannot make a pipe for {}: {}.", stream.name, std::strerror(errno));
  ::close(ends[1]);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  stream.pipe = ends[0];
}

void OutputCapture::drain() {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(stdout);
  std::fflush(stderr);
  std::scoped_lock lock(mutex_);
  for (Stream& stream : streams_) {
    // Not until it is empty: a thread of the user's may write without end.
    int available = 0;
    ::ioctl(stream.pipe, FIONREAD, &available);
    read_available(stream, static_cast<std::size_t>(std::max(available, 0)));
  }
  hand_over();
}

bool OutputCapture::read_available(Stream& stream, std::size_t at_most) {
  std::array<char, kPipeBytes> buffer;
  bool any = false;
  while (at_most > 0) {
    const ssize_t count = ::read(stream.pipe, buffer.data(), std::min(at_most, buffer.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return any;
    any = true;
    at_most -= static_cast<std::size_t>(count);
    if (stream.name != pending_name_) hand_over();
    pending_name_ = stream.name;
    pending_ += stream.decoder.take({buffer.data(), static_cast<std::size_t>(count)});
  }
  return any;
}

void OutputCapture::hand_over() {
  if (pending_.empty()) return;
  sink_(pending_name_, std::move(pending_));
  pending_.clear();
}

void OutputCapture::read_loop() {
  std::array<pollfd, 2> polls{};
  for (std::size_t i = 0; i < polls.size(); ++i) polls[i] = {.fd = streams_[i].pipe, .events = POLLIN, .revents = 0};
  Clock::time_point last = Clock::now();
  while (!stop_reading_) {
    const int ready = ::poll(polls.data(), polls.size(), static_cast<int>(kInterval.count()));
    bool was_full = false;
    {
      std::scoped_lock lock(mutex_);
      for (std::size_t i = 0; ready > 0 && i < polls.size(); ++i)
        if (polls[i].revents & POLLIN) read_available(streams_[i], kPipeBytes);
      was_full = pending_.size() >= kMaxText;
      if (was_full || Clock::now() - last >= kInterval) {
        hand_over();
        last = Clock::now();
      }
    }
    if (was_full) std::this_thread::sleep_for(kPause);
  }
}

// For what ends without a newline: a prompt, a progress bar with '\r'. Not on the reader's thread: a writer holds stdout's lock
// while it waits for the reader.
void OutputCapture::flush_loop() {
  while (!stop_flushing_) {
    std::this_thread::sleep_for(kInterval);
    std::fflush(stdout);
  }
}

}  // namespace tutti::jupyter
