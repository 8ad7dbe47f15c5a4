// std::cin of a cell: what it reads comes from the front-end.
#pragma once

#include <functional>
#include <istream>
#include <streambuf>
#include <string>

namespace tutti::jupyter {

// Asks for a line. Throws Error if nobody can be asked, Interrupted if the cell was interrupted meanwhile.
using AskLine = std::function<std::string()>;

// Reads lines, each when the one before is used up.
class InputBuffer : public std::streambuf {
 public:
  explicit InputBuffer(AskLine ask) : ask_(std::move(ask)) {}
  // Forgets what was not read.
  void clear();

 protected:
  int_type underflow() override;

 private:
  AskLine ask_;
  std::string line_;
};

// Puts an InputBuffer in the place of std::cin's buffer for its lifetime. What it throws goes through std::cin to the cell.
class CellInput {
 public:
  explicit CellInput(AskLine ask);
  ~CellInput();
  CellInput(const CellInput&) = delete;
  CellInput& operator=(const CellInput&) = delete;
  // A new cell: no error bits, no rest of a line.
  void begin_cell();

 private:
  InputBuffer buffer_;
  std::streambuf* old_;
};

}  // namespace tutti::jupyter
