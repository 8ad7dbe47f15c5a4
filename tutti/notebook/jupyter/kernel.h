// A Jupyter kernel: what to answer to which message. Knows nothing of sockets, file descriptors and signals.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "tutti/notebook/interpreter.h"
#include "tutti/notebook/jupyter/front_end_input.h"
#include "tutti/notebook/jupyter/history.h"
#include "tutti/notebook/jupyter/iopub.h"
#include "tutti/notebook/jupyter/kernel_display.h"
#include "tutti/notebook/jupyter/request_queue.h"

namespace tutti::jupyter {

using MakeInterpreter = std::function<std::unique_ptr<Interpreter>()>;

struct KernelParts {
  Transport& transport;
  MakeInterpreter make;
  std::filesystem::path history;
  // What was printed until now is sent (OutputCapture::drain).
  std::function<void()> drain = [] {};
  // A new cell: std::cin is as new.
  std::function<void()> begin_cell = [] {};
  // A shutdown was asked for and the main thread is in a cell: run() may never return.
  std::function<void()> abandon = [] {};
};

class Kernel {
 public:
  explicit Kernel(KernelParts parts);

  // A message arrived. Control messages are answered here; so is kernel_info_request as long as the interpreter starts. Others
  // wait for run(). Any thread; does not block.
  void receive(Channel channel, Message message);
  // Makes the interpreter, then serves requests until a shutdown. The main thread.
  void run();
  // After run(): it may hold objects that live until the end of the process.
  std::unique_ptr<Interpreter> take_interpreter() { return std::move(owned_); }

  // For a sink of captured output.
  void print(const std::string& name, const std::string& text);
  // For std::cin.
  std::string ask() { return input_.ask(); }
  std::shared_ptr<KernelDisplay> display() { return display_; }

 private:
  struct ExecuteRequest;

  void handle(Channel channel, const Message& request, bool is_aborted);
  Json answer_to(const std::string& type, const Message& request);
  void reply(Channel channel, const Message& request, const std::string& type, const Json& content, const Json& metadata);

  Json kernel_info() const;
  Json complete(const Json& content);
  Json inspect(const Json& content);
  Json is_complete(const Json& content);
  Json history(const Json& content);
  Json interrupt();
  Json shutdown(const Message& request);
  void refuse_comm(const Message& request);

  void execute(const Message& request, bool is_aborted);
  CellResult run_code(const ExecuteRequest& asked, int number);
  Json user_expressions(const Json& expressions);
  void finish_output();

  // Error if it cannot be made.
  Interpreter& interpreter();

  KernelParts parts_;
  MessageMaker maker_;
  Iopub iopub_;
  std::shared_ptr<KernelDisplay> display_;
  FrontEndInput input_;
  History history_;
  RequestQueue queue_;
  std::unique_ptr<Interpreter> owned_;
  std::atomic<Interpreter*> interpreter_{nullptr};  // owned_, for other threads
  std::atomic<bool> is_starting_{true}, in_cell_{false}, in_interpreter_{false};
  int count_ = 0;                  // Jupyter's execution count
  std::uint64_t abort_until_ = 0;  // requests with these numbers came before a cell failed
};

}  // namespace tutti::jupyter
