// A language for tests: each line is a command.
//
//   print X | stderr X | flood N (lines) | bytes HEX (to descriptor 1) | value X | sleep SECONDS | input | error [NAME] | crash
//   | abort | throw | exit N | show TYPE CONTENT | live ID X | text X | set NAME X | get NAME
//
// "{" at the end is an incomplete cell, "}" alone an invalid one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tutti/notebook/interpreter.h"

namespace tutti::jupyter {

class FakeInterpreter : public Interpreter {
 public:
  CellResult execute(const std::string& code, int number) override;
  Completions complete(const std::string& code, std::size_t cursor) override;
  std::optional<MimeBundle> inspect(const std::string& code, std::size_t cursor) override;
  CellCompleteness is_complete(const std::string& code) override;
  void interrupt() override;

 private:
  void run(const std::string& command, const std::string& argument, CellResult& result);

  std::map<std::string, std::string> variables_;
};

}  // namespace tutti::jupyter
