// What this process, its libraries and its children write to file descriptors 1 and 2.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "tutti/notebook/jupyter/utf8.h"

namespace tutti::jupyter {

// name: "stdout" or "stderr"; text: valid UTF-8.
using StreamSink = std::function<void(const std::string& name, std::string text)>;

// Puts pipes in the place of descriptors 1 and 2 for its lifetime, reads them on a thread of its own and hands the text over
// every 50 ms, or as soon as there is much of it. A writer that is faster than the sink waits in write(), so memory stays
// bounded.
class OutputCapture {
 public:
  explicit OutputCapture(StreamSink sink);
  ~OutputCapture();
  OutputCapture(const OutputCapture&) = delete;
  OutputCapture& operator=(const OutputCapture&) = delete;

  // Everything that was written before this call has been handed over when it returns.
  void drain();
  // The descriptor that was number 2: a server's log.
  int real_stderr() const { return streams_[1].real; }

 private:
  struct Stream {
    const char* name;
    int number;     // 1 or 2
    int real = -1;  // what the number stood for
    int pipe = -1;  // the end to read from
    Utf8Stream decoder;
  };

  void open(Stream& stream);
  void read_loop();
  void flush_loop();
  // True if there was anything.
  bool read_available(Stream& stream, std::size_t at_most);
  void hand_over();

  StreamSink sink_;
  std::array<Stream, 2> streams_ = {Stream{.name = "stdout", .number = 1}, Stream{.name = "stderr", .number = 2}};
  std::mutex mutex_;  // for what follows, and the streams
  const char* pending_name_ = "stdout";
  std::string pending_;
  std::atomic<bool> stop_reading_{false}, stop_flushing_{false};
  std::thread reader_, flusher_;
};

}  // namespace tutti::jupyter
