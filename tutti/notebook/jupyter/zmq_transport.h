// Messages over ZeroMQ.
#pragma once

#include <memory>

#include "tutti/notebook/jupyter/connection.h"
#include "tutti/notebook/jupyter/transport.h"

namespace tutti::jupyter {

// One thread owns the sockets; the heartbeat is answered there. A front-end that reads too slowly slows its kernel down; one
// that does not read at all loses messages.
class ZmqTransport : public Transport {
 public:
  // Opens the sockets. Error if a port is taken.
  explicit ZmqTransport(const Connection& connection);
  ~ZmqTransport() override;

  // From now on messages arrive.
  void start(Receiver receiver);

  void send(Channel channel, const Message& message) override;
  void flush() override;

 private:
  class Loop;
  Signer signer_;
  std::unique_ptr<Loop> loop_;
};

}  // namespace tutti::jupyter
