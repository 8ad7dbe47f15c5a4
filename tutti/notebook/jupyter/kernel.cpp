#include "tutti/notebook/jupyter/kernel.h"

#include <cstdio>

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/log.h"
#include "tutti/notebook/jupyter/code_requests.h"
#include "tutti/notebook/jupyter/magics.h"

namespace tutti::jupyter {
namespace {

void print_to_stdout(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

constexpr std::string_view kRequest = "_request";

// What is answered while a cell runs, on another thread than the interpreter's.
bool is_for_control(const std::string& type) {
  return type == "kernel_info_request" || type == "interrupt_request" || type == "shutdown_request";
}

}  // namespace

Kernel::Kernel(KernelParts parts)
    : parts_(std::move(parts)),
      iopub_(parts_.transport, maker_),
      display_(std::make_shared<KernelDisplay>(
          KernelDisplay::Parts{.iopub = iopub_, .drain = parts_.drain, .print = print_to_stdout})),
      input_(parts_.transport, maker_),
      history_(parts_.history) {}

void Kernel::print(const std::string& name, const std::string& text) {
  display_->note_other_output();
  iopub_.stream(name, text);
}

void Kernel::receive(Channel channel, Message message) {
  const std::string type = message.type();
  if (channel == Channel::kStdin) {
    if (type == "input_reply") input_.answer(message);
  } else if (channel == Channel::kControl || (is_starting_ && type == "kernel_info_request")) {
    handle(channel, message, false);
  } else {
    queue_.push(std::move(message));
  }
}

void Kernel::run() {
  iopub_.status("starting", Json::object());
  try {
    interpreter();
  } catch (const std::exception& error) {
    log_line(LogLevel::kError, error.what());  // each cell tries again, and says so
  }
  is_starting_ = false;
  while (const std::optional<QueuedRequest> request = queue_.pop())
    handle(Channel::kShell, request->message, request->number <= abort_until_);
}

Interpreter& Kernel::interpreter() {
  if (!owned_) {
    owned_ = parts_.make();
    interpreter_ = owned_.get();
  }
  return *owned_;
}

void Kernel::handle(Channel channel, const Message& request, bool is_aborted) {
  iopub_.status("busy", request.header);
  const std::string type = request.type();
  try {
    if (type == "execute_request" && channel == Channel::kShell) {
      execute(request, is_aborted);
    } else if (type == "comm_open") {
      refuse_comm(request);
    } else if (type.ends_with(kRequest) && (channel != Channel::kControl || is_for_control(type))) {
      const Json content = answer_to(type, request);
      if (!content.is_null()) reply(channel, request, type, content, Json::object());
    }
  } catch (const std::exception& error) {
    // A request whose content is not what it should be, or an interpreter that cannot be made.
    const CellError failure{.name = "tutti::Error", .message = error.what(), .lines = {error.what()}};
    if (type.ends_with(kRequest)) reply(channel, request, type, error_content(failure), Json::object());
  }
  iopub_.status("idle", request.header);
  if (type == "shutdown_request") queue_.close();
}

// null: a request that this kernel does not know gets no answer, as the protocol wants it.
Json Kernel::answer_to(const std::string& type, const Message& request) {
  if (type == "kernel_info_request") return kernel_info();
  if (type == "complete_request") return complete(request.content);
  if (type == "inspect_request") return inspect(request.content);
  if (type == "is_complete_request") return is_complete(request.content);
  if (type == "history_request") return history(request.content);
  if (type == "comm_info_request") return {{"status", "ok"}, {"comms", Json::object()}};
  if (type == "interrupt_request") return interrupt();
  if (type == "shutdown_request") return shutdown(request);
  return nullptr;
}

void Kernel::reply(Channel channel, const Message& request, const std::string& type, const Json& content,
                   const Json& metadata) {
  Message message = maker_.make(type.substr(0, type.size() - kRequest.size()) + "_reply", request.header, content);
  message.identities = request.identities;
  message.metadata = metadata;
  parts_.transport.send(channel, message);
}

Json Kernel::kernel_info() const {
  const Json language = {{"name", "c++"},
                         {"version", "20"},
                         {"mimetype", "text/x-c++src"},
                         {"file_extension", ".cpp"},
                         {"pygments_lexer", "cpp"},
                         {"codemirror_mode", "text/x-c++src"},
                         {"nbconvert_exporter", "script"}};
  return {{"status", "ok"},
          {"protocol_version", kProtocol},
          {"implementation", "tutti"},
          {"implementation_version", TUTTI_VERSION},
          {"language_info", language},
          {"banner", "C++20 with tutti " TUTTI_VERSION ". %lsmagic lists the kernel's own commands."},
          {"debugger", false},
          {"help_links", Json::array({{{"text", "C++ reference"}, {"url", "https://en.cppreference.com"}}})}};
}

Json Kernel::interrupt() {
  if (in_interpreter_)
    interpreter_.load()->interrupt();
  else if (in_cell_)
    set_interrupted(true);  // a magic runs
  return {{"status", "ok"}};
}

Json Kernel::shutdown(const Message& request) {
  Json answer = {{"status", "ok"}, {"restart", flag_of(request.content, "restart", false)}};
  iopub_.publish("shutdown_reply", request.header, answer);  // for the other front-ends
  if (in_cell_) {
    interrupt();
    parts_.abandon();
  }
  return answer;
}

// There are no widgets: the front-end is told so at once.
void Kernel::refuse_comm(const Message& request) {
  iopub_.publish("comm_close", request.header, {{"comm_id", text_of(request.content, "comm_id")}, {"data", Json::object()}});
}

Json Kernel::complete(const Json& content) {
  const CodeAt at = code_at(content);
  const std::optional<std::string> code = only_code(at.code, at.cursor);
  return completions_content(at.code, code ? interpreter().complete(*code, at.cursor) : complete_magic(at.code, at.cursor));
}

Json Kernel::inspect(const Json& content) {
  const CodeAt at = code_at(content);
  const std::optional<std::string> code = only_code(at.code, at.cursor);
  const std::optional<MimeBundle> found = code ? interpreter().inspect(*code, at.cursor) : inspect_magic(at.code, at.cursor);
  return {{"status", "ok"},
          {"found", found.has_value()},
          {"data", found ? to_data(*found) : Json::object()},
          {"metadata", Json::object()}};
}

Json Kernel::is_complete(const Json& content) {
  const std::string cell = text_of(content, "code");
  const std::string code = only_code(cell, std::string::npos).value_or(cell);
  const CellCompleteness found =
      code.find_first_not_of(" \t\r\n") == std::string::npos ? CellCompleteness{} : interpreter().is_complete(code);
  switch (found.state) {
    case CellState::kComplete:
      return {{"status", "complete"}};
    case CellState::kInvalid:
      return {{"status", "invalid"}};
    case CellState::kIncomplete:
      break;
  }
  return {{"status", "incomplete"}, {"indent", found.indent}};
}

Json Kernel::history(const Json& content) { return {{"status", "ok"}, {"history", history_content(history_, content)}}; }

}  // namespace tutti::jupyter
