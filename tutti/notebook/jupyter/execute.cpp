// execute_request.
#include <chrono>
#include <thread>

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/notebook/jupyter/code_requests.h"
#include "tutti/notebook/jupyter/kernel.h"
#include "tutti/notebook/jupyter/magic_commands.h"
#include "tutti/notebook/jupyter/signals.h"

namespace tutti::jupyter {
namespace {

// "Run all" sends its cells one after another: when the first fails at once, the others may still be on their way. No
// front-end can answer the failure before it is told of it, so what arrives within this time was sent without knowing.
constexpr std::chrono::milliseconds kStillOnTheWay{20};

// For its lifetime.
class Raised {
 public:
  explicit Raised(std::atomic<bool>& flag) : flag_(flag) { flag_ = true; }
  ~Raised() { flag_ = false; }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;

 private:
  std::atomic<bool>& flag_;
};

CellError with_lines(CellError error) {
  if (error.lines.empty()) error.lines = {error.message.empty() ? error.name : error.name + ": " + error.message};
  return error;
}

// "exit" and "quit", which in a console end it, as Python's do.
bool asks_to_leave(const std::string& code) {
  const std::size_t begin = code.find_first_not_of(" \t\r\n"), end = code.find_last_not_of(" \t\r\n;");
  if (begin == std::string::npos || end == std::string::npos || end < begin) return false;
  const std::string word = code.substr(begin, end + 1 - begin);
  return word == "exit" || word == "quit" || word == "exit()" || word == "quit()";
}

}  // namespace

struct Kernel::ExecuteRequest {
  explicit ExecuteRequest(const Json& content)
      : code(text_of(content, "code")),
        silent(flag_of(content, "silent", false)),
        store_history(!silent && flag_of(content, "store_history", true)),
        allow_stdin(flag_of(content, "allow_stdin", false)),
        stop_on_error(flag_of(content, "stop_on_error", true)) {
    if (const auto found = content.find("user_expressions"); found != content.end() && found->is_object()) expressions = *found;
  }

  std::string code;
  bool silent, store_history, allow_stdin, stop_on_error;
  Json expressions = Json::object();
};

void Kernel::execute(const Message& request, bool is_aborted) {
  const std::string type = "execute_request";
  if (is_aborted) {  // JupyterLab would show an execution count
    reply(Channel::kShell, request, type, {{"status", "aborted"}}, {{"status", "aborted"}});
    return;
  }
  const ExecuteRequest asked(request.content);
  if (asked.store_history) ++count_;
  iopub_.set_parent(request.header, asked.silent);
  input_.begin_cell(request, asked.allow_stdin);
  display_->begin_cell();
  parts_.begin_cell();
  iopub_.input(asked.code, count_);
  if (asked.store_history) history_.add(count_, asked.code);

  const std::string started = date_now();
  CellResult result;
  Json values = Json::object(), payload = Json::array();
  if (asks_to_leave(asked.code)) {
    payload.push_back({{"source", "ask_exit"}, {"keepkernel", false}});
  } else {
    const Raised in_cell(in_cell_);
    const InterruptsNoticed interrupts;
    result = run_code(asked, count_);
    if (!result.error) values = user_expressions(asked.expressions);
  }
  finish_output();
  Json content = {{"status", "ok"}, {"user_expressions", values}, {"payload", payload}};
  if (result.error) {
    const CellError error = with_lines(*result.error);
    iopub_.error(error);
    content.update(error_content(error));
  } else if (result.value) {
    iopub_.result(to_data(*result.value), count_);
  }
  content["execution_count"] = count_;
  if (result.error && asked.stop_on_error) {
    std::this_thread::sleep_for(kStillOnTheWay);
    abort_until_ = queue_.arrived();
  }
  reply(Channel::kShell, request, type, content, {{"started", started}, {"status", content["status"]}});
}

CellResult Kernel::run_code(const ExecuteRequest& asked, int number) {
  try {
    Interpreter& language = interpreter();
    return run_cell(split_cell(asked.code), [&](const std::string& code) {
      const Raised in_interpreter(in_interpreter_);
      return language.execute(code, number);
    });
  } catch (const std::exception& error) {
    return {.error = CellError{.name = "tutti::Error", .message = error.what(), .lines = {error.what()}}, .value = {}};
  }
}

Json Kernel::user_expressions(const Json& expressions) {
  Json values = Json::object();
  for (const auto& [name, expression] : expressions.items()) {
    if (!expression.is_string()) continue;
    const Raised in_interpreter(in_interpreter_);
    const CellResult result = interpreter().execute(expression.get<std::string>(), count_);
    if (result.error)
      values[name] = error_content(with_lines(*result.error));
    else
      values[name] = {{"status", "ok"}, {"data", to_data(result.value.value_or(MimeBundle()))}, {"metadata", Json::object()}};
  }
  return values;
}

void Kernel::finish_output() {
  parts_.drain();
  display_->flush();
}

}  // namespace tutti::jupyter
