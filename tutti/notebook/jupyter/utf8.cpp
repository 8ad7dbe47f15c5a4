#include "tutti/notebook/jupyter/utf8.h"

#include <algorithm>
#include <cstdint>

namespace tutti::jupyter {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// What begins at text[0]: a whole character of `size` bytes, `size` bytes of rubbish, or (torn) a character that goes on behind
// the end of the text. Unicode 15, table 3-7.
struct Step {
  std::size_t size;
  bool valid, torn;
};
Step step(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {1, true, false};
  const std::size_t wanted = first >= 0xc2 && first <= 0xdf   ? 2
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (wanted == 0) return {1, false, false};
  // The second byte's range keeps overlong forms, surrogates and what is above U+10FFFF out.
  const unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  for (std::size_t i = 1; i < wanted; ++i) {
    if (i == text.size()) return {i, false, true};
    const auto byte = static_cast<unsigned char>(text[i]);
    if (i == 1 ? byte < low || byte > high : !is_continuation(text[i])) return {i, false, false};
  }
  return {wanted, true, false};
}

}  // namespace

std::size_t byte_position(std::string_view text, std::size_t code_points) {
  std::size_t at = 0;
  for (; at < text.size(); ++at)
    if (!is_continuation(text[at]) && code_points-- == 0) break;
  return at;
}

std::size_t code_point_position(std::string_view text, std::size_t bytes) {
  const std::string_view before = text.substr(0, bytes);
  return static_cast<std::size_t>(std::ranges::count_if(before, [](char c) { return !is_continuation(c); }));
}

std::string Utf8Stream::take(std::string_view piece) {
  const std::string text = std::move(waiting_) + std::string(piece);
  waiting_.clear();
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Step next = step(std::string_view(text).substr(at));
    if (next.torn) {
      waiting_ = text.substr(at);
      break;
    }
    if (next.valid)
      result.append(text, at, next.size);
    else
      result += kReplacement;
    at += next.size;
  }
  return result;
}

}  // namespace tutti::jupyter
