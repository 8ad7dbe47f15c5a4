// UTF-8 where Jupyter wants code points and programs write bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tutti::jupyter {

// Jupyter counts positions in code points, compilers in bytes. Positions behind the end are the end's.
std::size_t byte_position(std::string_view text, std::size_t code_points);
std::size_t code_point_position(std::string_view text, std::size_t bytes);

// Makes valid UTF-8 of a stream that comes in pieces: a character that a piece tears apart waits for its rest, what is no
// character becomes U+FFFD.
class Utf8Stream {
 public:
  std::string take(std::string_view piece);

 private:
  std::string waiting_;  // the beginning of a character; at most 3 bytes
};

}  // namespace tutti::jupyter
