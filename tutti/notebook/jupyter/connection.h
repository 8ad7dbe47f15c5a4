// The connection file that a front-end writes for its kernel.
#pragma once

#include <filesystem>
#include <string>

#include "tutti/notebook/jupyter/message.h"

namespace tutti::jupyter {

struct Connection {
  std::string transport = "tcp", ip = "127.0.0.1";
  int shell = 0, control = 0, iopub = 0, input = 0, heartbeat = 0;
  std::string scheme = "hmac-sha256", key;

  // "tcp://127.0.0.1:5001", "ipc:///tmp/kernel-1"
  std::string endpoint(int port) const;
};

// Error if there is none, or if it is not one.
Connection read_connection(const std::filesystem::path& file);

}  // namespace tutti::jupyter
