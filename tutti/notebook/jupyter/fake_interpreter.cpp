#include "tutti/notebook/jupyter/fake_interpreter.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <thread>

#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/notebook/jupyter/signals.h"

namespace tutti::jupyter {
namespace {

const std::vector<std::string>& commands() {
  static const std::vector<std::string> all = {"print", "stderr", "flood", "bytes", "value", "sleep", "input", "error", "crash",
                                               "abort", "throw",  "exit",  "show",  "live",  "text",  "set",   "get"};
  return all;
}

void sleep_for(double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    check_interrupt();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void write_bytes(const std::string& hexadecimal) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hexadecimal.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hexadecimal.substr(i, 2), nullptr, 16));
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
}

// Where the word at the cursor begins.
std::size_t word_begin(const std::string& code, std::size_t cursor) {
  while (cursor > 0 && std::isalnum(static_cast<unsigned char>(code[cursor - 1]))) --cursor;
  return cursor;
}

[[noreturn]] void crash() {
  volatile int* nowhere = nullptr;
  *nowhere = 1;
  std::abort();
}

}  // namespace

CellResult FakeInterpreter::execute(const std::string& code, int) {
  const InterruptsNoticed interrupts;
  CellResult result;
  std::istringstream lines(code);
  try {
    for (std::string line; std::getline(lines, line);) {
      const std::size_t space = line.find(' ');
      result.value.reset();
      if (line.find_first_not_of(' ') != std::string::npos)
        run(line.substr(0, space), space == std::string::npos ? "" : line.substr(space + 1), result);
      if (result.error) break;
    }
  } catch (const Interrupted&) {
    result.error = CellError{.name = "KeyboardInterrupt", .message = "interrupted", .lines = {}};
  } catch (const std::exception& error) {
    result.error = CellError{.name = "std::runtime_error", .message = error.what(), .lines = {}};
  }
  return result;
}

void FakeInterpreter::run(const std::string& command, const std::string& argument, CellResult& result) {
  const std::string first = argument.substr(0, argument.find(' '));
  const std::string rest = argument.size() > first.size() ? argument.substr(first.size() + 1) : "";
  if (command == "print")
    std::cout << argument << '\n';
  else if (command == "stderr")
    std::cerr << argument << '\n';
  else if (command == "flood")
    for (int i = 0, n = std::stoi(argument); i < n; ++i) std::printf("line %d\n", i);
  else if (command == "bytes")
    write_bytes(argument);
  else if (command == "value")
    result.value = MimeBundle{{"text/plain", argument}};
  else if (command == "sleep")
    sleep_for(std::stod(argument));
  else if (command == "error")
    result.error =
        CellError{.name = argument.empty() ? "CompileError" : argument, .message = "an error", .lines = {"1: an error"}};
  else if (command == "crash")
    crash();
  else if (command == "abort")
    std::abort();
  else if (command == "throw")
    std::thread([] { throw std::runtime_error("thrown by a thread"); }).join();
  else if (command == "exit")
    std::exit(std::stoi(argument));
  else if (command == "show")
    display().show({{"text/plain", "a thing"}, {first, rest}});
  else if (command == "live")
    display().live(first, rest);
  else if (command == "text")
    display().text(argument + "\n");
  else if (command == "set")
    variables_[first] = rest;
  else if (command == "get" && variables_.contains(first))
    result.value = MimeBundle{{"text/plain", variables_[first]}};
  else if (command == "input") {
    std::string line;
    std::getline(std::cin, line);
    result.value = MimeBundle{{"text/plain", line}};
  } else {
    result.error = CellError{.name = "CompileError", .message = "unknown command " + command, .lines = {}};
  }
}

Completions FakeInterpreter::complete(const std::string& code, std::size_t cursor) {
  Completions result{.matches = {}, .begin = word_begin(code, cursor), .end = cursor};
  const std::string word = code.substr(result.begin, cursor - result.begin);
  for (const std::string& command : commands())
    if (command.starts_with(word)) result.matches.push_back({.text = command, .kind = "function", .signature = "(X)"});
  return result;
}

std::optional<MimeBundle> FakeInterpreter::inspect(const std::string& code, std::size_t cursor) {
  const std::size_t begin = word_begin(code, cursor);
  std::size_t end = cursor;
  while (end < code.size() && std::isalnum(static_cast<unsigned char>(code[end]))) ++end;
  const std::string word = code.substr(begin, end - begin);
  for (const std::string& command : commands())
    if (command == word) return MimeBundle{{"text/plain", command + " X: a command of the fake language"}};
  return {};
}

CellCompleteness FakeInterpreter::is_complete(const std::string& code) {
  if (code == "}") return {.state = CellState::kInvalid, .indent = ""};
  if (code.ends_with('{')) return {.state = CellState::kIncomplete, .indent = "  "};
  return {};
}

void FakeInterpreter::interrupt() { set_interrupted(true); }

}  // namespace tutti::jupyter
