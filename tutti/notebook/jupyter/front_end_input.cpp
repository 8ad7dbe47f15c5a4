#include "tutti/notebook/jupyter/front_end_input.h"

#include <chrono>

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"

namespace tutti::jupyter {

void FrontEndInput::begin_cell(const Message& request, bool is_allowed) {
  std::scoped_lock lock(mutex_);
  identities_ = request.identities;
  parent_ = request.header;
  is_allowed_ = is_allowed;
}

std::string FrontEndInput::ask() {
  constexpr std::chrono::milliseconds kPoll{20};  // a signal handler can only set a flag
  std::unique_lock lock(mutex_);
  if (!is_allowed_)
    fail("std::cin",
         "nobody can be asked here. Expected a front-end that takes input (allow_stdin). Got a cell that runs without.");
  answers_.clear();  // late ones, for a cell that was interrupted
  Message request = maker_.make("input_request", parent_, {{"prompt", ""}, {"password", false}});
  request.identities = identities_;
  transport_.send(Channel::kStdin, request);
  while (answers_.empty()) {
    changed_.wait_for(lock, kPoll);
    check_interrupt();
  }
  std::string line = std::move(answers_.front());
  answers_.pop_front();
  return line;
}

void FrontEndInput::answer(const Message& reply) {
  {
    std::scoped_lock lock(mutex_);
    const auto value = reply.content.find("value");
    answers_.push_back(value != reply.content.end() && value->is_string() ? value->get<std::string>() : "");
  }
  changed_.notify_all();
}

}  // namespace tutti::jupyter
