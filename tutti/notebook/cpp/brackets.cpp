#include "tutti/notebook/cpp/brackets.h"

#include <vector>

#include <clang/Basic/LangOptions.h>
#include <clang/Lex/Lexer.h>
#include <fmt/format.h>

namespace tutti {
namespace {

struct Open {
  char bracket;
  unsigned line;
};

clang::LangOptions language() {
  clang::LangOptions options;
  options.CPlusPlus = options.CPlusPlus11 = options.CPlusPlus14 = options.CPlusPlus17 = options.CPlusPlus20 = true;
  options.Bool = options.LineComment = options.RawStringLiterals = true;
  return options;
}

char bracket_of(const clang::Token& token) {
  switch (token.getKind()) {
    case clang::tok::l_brace:
      return '{';
    case clang::tok::r_brace:
      return '}';
    case clang::tok::l_paren:
      return '(';
    case clang::tok::r_paren:
      return ')';
    case clang::tok::l_square:
      return '[';
    case clang::tok::r_square:
      return ']';
    default:
      return 0;
  }
}

}  // namespace

Brackets check_brackets(const std::string& code) {
  const clang::LangOptions options = language();
  clang::Lexer lexer({}, options, code.data(), code.data(), code.data() + code.size());
  // Else a comment that stays open would be no token at all.
  lexer.SetKeepWhitespaceMode(true);
  std::vector<Open> open;
  unsigned line = 1;
  const char* counted = code.data();
  for (bool end = false; !end;) {
    clang::Token token;
    end = lexer.LexFromRawLexer(token) || token.is(clang::tok::eof);
    const char* const behind = lexer.getBufferLocation();
    const char* const begin = behind - token.getLength();
    for (; counted < begin; ++counted) line += *counted == '\n';
    const std::string_view text(begin, token.getLength());
    if (text.starts_with("/*") && (text.size() < 4 || !text.ends_with("*/")))
      return {CellState::kIncomplete, "", fmt::format("the comment in line {} is not closed", line)};
    if (token.is(clang::tok::unknown) && text.starts_with("R\""))
      return {CellState::kIncomplete, "", fmt::format("the raw string in line {} is not closed", line)};
    const char bracket = bracket_of(token);
    if (bracket == '{' || bracket == '(' || bracket == '[') open.push_back({bracket, line});
    if (bracket == '}' || bracket == ')' || bracket == ']') {
      const char wanted = bracket == '}' ? '{' : bracket == ')' ? '(' : '[';
      // The parser says it better.
      if (open.empty() || open.back().bracket != wanted) return {CellState::kInvalid, "", ""};
      open.pop_back();
    }
  }
  if (!open.empty())
    return {CellState::kIncomplete, std::string(2 * open.size(), ' '),
            fmt::format("'{}' in line {} is not closed", open.back().bracket, open.back().line)};
  const std::size_t last = code.find_last_not_of(" \t\n\r");
  if (last != std::string::npos && code[last] == '\\') return {CellState::kIncomplete, "", "a line ends with '\\'"};
  return {};
}

}  // namespace tutti
