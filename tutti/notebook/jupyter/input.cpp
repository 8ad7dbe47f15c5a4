#include "tutti/notebook/jupyter/input.h"

#include <iostream>

namespace tutti::jupyter {

void InputBuffer::clear() {
  line_.clear();
  setg(nullptr, nullptr, nullptr);
}

InputBuffer::int_type InputBuffer::underflow() {
  line_ = ask_() + "\n";
  setg(line_.data(), line_.data(), line_.data() + line_.size());
  return traits_type::to_int_type(line_[0]);
}

CellInput::CellInput(AskLine ask) : buffer_(std::move(ask)), old_(std::cin.rdbuf(&buffer_)) { begin_cell(); }

CellInput::~CellInput() {
  std::cin.exceptions(std::ios::goodbit);
  std::cin.rdbuf(old_);
}

void CellInput::begin_cell() {
  buffer_.clear();
  std::cin.clear();
  // A stream swallows its buffer's exceptions unless it is told to throw on badbit: then it throws the very same.
  std::cin.exceptions(std::ios::badbit);
}

}  // namespace tutti::jupyter
