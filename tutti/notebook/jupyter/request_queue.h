// Requests on their way from the transport's thread to the main thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "tutti/notebook/jupyter/message.h"

namespace tutti::jupyter {

struct QueuedRequest {
  Message message;
  std::uint64_t number = 0;  // in the order of arrival, from 1
};

class RequestQueue {
 public:
  void push(Message message) {
    {
      std::scoped_lock lock(mutex_);
      requests_.push_back({std::move(message), ++arrived_});
    }
    changed_.notify_one();
  }
  // Waits for the next one; nothing once the queue is closed.
  std::optional<QueuedRequest> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_closed_ || !requests_.empty(); });
    if (is_closed_) return {};
    QueuedRequest request = std::move(requests_.front());
    requests_.pop_front();
    return request;
  }
  void close() {
    {
      std::scoped_lock lock(mutex_);
      is_closed_ = true;
    }
    changed_.notify_all();
  }
  // How many have arrived until now.
  std::uint64_t arrived() const {
    std::scoped_lock lock(mutex_);
    return arrived_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<QueuedRequest> requests_;
  std::uint64_t arrived_ = 0;
  bool is_closed_ = false;
};

}  // namespace tutti::jupyter
