// How messages come and go: zmq_transport.h over sockets, fake_transport.h for tests.
#pragma once

#include <cstdint>
#include <functional>

#include "tutti/notebook/jupyter/message.h"

namespace tutti::jupyter {

enum class Channel : std::uint8_t { kShell, kControl, kStdin, kIopub };

class Transport {
 public:
  virtual ~Transport() = default;
  // From any thread; messages of one thread keep their order.
  virtual void send(Channel channel, const Message& message) = 0;
  // Waits until what was sent is on its way, for a moment at most.
  virtual void flush() = 0;
};

// Takes what arrives, on the transport's thread: must not block.
using Receiver = std::function<void(Channel, Message)>;

}  // namespace tutti::jupyter
