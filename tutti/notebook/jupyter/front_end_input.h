// Asks the front-end of the running cell for a line.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "tutti/notebook/jupyter/iopub.h"
#include "tutti/notebook/jupyter/transport.h"

namespace tutti::jupyter {

class FrontEndInput {
 public:
  FrontEndInput(Transport& transport, const MessageMaker& maker) : transport_(transport), maker_(maker) {}

  // Who is asked from now on. `is_allowed`: the request's allow_stdin.
  void begin_cell(const Message& request, bool is_allowed);
  // The main thread waits for an answer. Error if nobody may be asked; Interrupted, when tutti's flag is set meanwhile.
  std::string ask();
  // An input_reply.
  void answer(const Message& reply);

 private:
  Transport& transport_;
  const MessageMaker& maker_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> identities_;
  Json parent_ = Json::object();
  bool is_allowed_ = false;
  std::deque<std::string> answers_;
};

}  // namespace tutti::jupyter
