// Keeps what a kernel sends, for tests.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tutti/notebook/jupyter/transport.h"

namespace tutti::jupyter {

class FakeTransport : public Transport {
 public:
  struct Sent {
    Channel channel;
    Message message;
  };

  void send(Channel channel, const Message& message) override {
    {
      std::scoped_lock lock(mutex_);
      sent_.push_back({channel, message});
    }
    changed_.notify_all();
  }
  void flush() override {}

  std::vector<Sent> sent() const {
    std::scoped_lock lock(mutex_);
    return sent_;
  }
  // Of one channel and type; all types if it is empty.
  std::vector<Message> sent(Channel channel, const std::string& type = "") const {
    std::vector<Message> result;
    for (const Sent& one : sent())
      if (one.channel == channel && (type.empty() || one.message.type() == type)) result.push_back(one.message);
    return result;
  }
  // Until a message of that type was sent; false after five seconds.
  bool wait_for(const std::string& type) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(5), [&] {
      for (const Sent& one : sent_)
        if (one.message.type() == type) return true;
      return false;
    });
  }
  void clear() {
    std::scoped_lock lock(mutex_);
    sent_.clear();
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Sent> sent_;
};

}  // namespace tutti::jupyter
