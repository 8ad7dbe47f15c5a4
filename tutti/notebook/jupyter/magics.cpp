#include "tutti/notebook/jupyter/magics.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace tutti::jupyter {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Reads C++ line by line as far as is needed to know whether a statement is open at a line's end.
class OpenStatement {
 public:
  bool is_open() const {
    return in_comment_ || in_string_ || depth_ > 0 || in_directive_ || (last_ != 0 && last_ != ';' && last_ != '}');
  }

  void read_line(std::string_view line) {
    const bool is_directive = in_directive_ || (!in_comment_ && !in_string_ && trim(line).starts_with('#'));
    in_directive_ = false;
    for (std::size_t at = 0; at < line.size();) at = read(line, at, is_directive);
    if (is_directive) in_directive_ = line.ends_with('\\');
  }

 private:
  // The position behind what begins at `at`.
  std::size_t read(std::string_view line, std::size_t at, bool is_directive) {
    const std::string_view rest = line.substr(at);
    if (in_comment_) return end_of(line, at, "*/", in_comment_);
    if (in_string_) return end_of(line, at, string_end_, in_string_);
    if (rest.starts_with("//")) return line.size();
    if (rest.starts_with("/*")) {
      in_comment_ = true;
      return at + 2;
    }
    const char c = rest.front();
    if (is_directive || is_blank(c)) return at + 1;  // a directive's comments matter, its tokens do not
    last_ = c;
    if (c == '"' && at > 0 && line[at - 1] == 'R') return begin_raw_string(line, at);
    if (c == '"' || (c == '\'' && (at == 0 || !is_word(line[at - 1])))) return behind_quoted(line, at);
    if (c == '(' || c == '[' || c == '{') ++depth_;
    if (c == ')' || c == ']' || c == '}') depth_ = std::max(0, depth_ - 1);
    return at + 1;
  }

  static std::size_t end_of(std::string_view line, std::size_t at, std::string_view mark, bool& is_inside) {
    const std::size_t found = line.find(mark, at);
    if (found == std::string_view::npos) return line.size();
    is_inside = false;
    return found + mark.size();
  }

  std::size_t begin_raw_string(std::string_view line, std::size_t at) {
    const std::size_t open = line.find('(', at);
    if (open == std::string_view::npos) return at + 1;
    string_end_ = ")" + std::string(line.substr(at + 1, open - at - 1)) + "\"";
    in_string_ = true;
    return open + 1;
  }

  static std::size_t behind_quoted(std::string_view line, std::size_t at) {
    const char quote = line[at++];
    for (; at < line.size() && line[at] != quote; ++at)
      if (line[at] == '\\') ++at;
    return at + 1;
  }

  bool in_comment_ = false, in_string_ = false, in_directive_ = false;
  std::string string_end_;
  int depth_ = 0;
  char last_ = 0;  // the last character that is neither blank nor comment
};

struct Line {
  std::size_t begin = 0;  // in the cell
  std::string_view text;  // without '\n'
  bool is_magic = false, is_shell = false;
};

bool is_magic(std::string_view line) {
  const std::string_view text = trim(line);
  return text.size() > 1 && text[0] == '%' && std::isalpha(static_cast<unsigned char>(text[1]));
}

bool is_shell(std::string_view line) {
  return line.size() > 1 && line[0] == '!' && line[1] != '=' && line[1] != '(' && line[1] != '!' &&
         !trim(line.substr(1)).empty();
}

std::vector<Line> lines_of(std::string_view code) {
  std::vector<Line> lines;
  OpenStatement open;
  for (std::size_t begin = 0; begin <= code.size();) {
    const std::size_t end = std::min(code.find('\n', begin), code.size());
    Line line{.begin = begin, .text = code.substr(begin, end - begin)};
    if (!open.is_open()) {
      line.is_magic = is_magic(line.text);
      line.is_shell = is_shell(line.text);
    }
    if (!line.is_magic && !line.is_shell) open.read_line(line.text);
    lines.push_back(line);
    begin = end + 1;
  }
  return lines;
}

// Splits "time f(x)" into the name and the argument.
void name_and_argument(std::string_view text, std::string& name, std::string& argument) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_word);
  name.assign(text.begin(), end);
  argument = trim({end, text.end()});
}

// Behind the line of a "%%magic", with as many characters: nothing of that line is left.
std::string take_cell_magic(const std::string& code, CellParts& cell) {
  const std::size_t first = code.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || code.compare(first, 2, "%%") != 0) return code;
  const std::size_t end = std::min(code.find('\n', first), code.size());
  name_and_argument(trim(std::string_view(code).substr(first + 2, end - first - 2)), cell.cell_magic, cell.cell_argument);
  std::string rest = code;
  std::fill(rest.begin() + static_cast<std::ptrdiff_t>(first), rest.begin() + static_cast<std::ptrdiff_t>(end), ' ');
  return rest;
}

}  // namespace

CellParts split_cell(const std::string& code) {
  CellParts cell;
  const std::string rest = take_cell_magic(code, cell);
  std::string pending;  // code so far
  const auto end_code = [&] {
    if (pending.find_first_not_of(" \t\r\n") != std::string::npos) cell.parts.push_back({.name = "", .text = pending});
  };
  std::size_t number = 0;
  for (const Line& line : lines_of(rest)) {
    if (line.is_magic || line.is_shell) {
      end_code();
      CellPart part{.kind = line.is_magic ? CellPart::Kind::kMagic : CellPart::Kind::kShell, .name = "", .text = ""};
      if (line.is_magic)
        name_and_argument(trim(line.text).substr(1), part.name, part.text);
      else
        part.text = trim(line.text.substr(1));
      cell.parts.push_back(std::move(part));
      pending = std::string(number + 1, '\n');
    } else {
      pending.append(line.text) += '\n';
    }
    ++number;
  }
  if (pending.ends_with('\n')) pending.pop_back();  // the last line has none
  end_code();
  return cell;
}

std::optional<std::string> only_code(const std::string& code, std::size_t cursor) {
  CellParts cell;
  std::string result = take_cell_magic(code, cell);
  if (result != code && cursor <= std::min(code.find('\n', code.find("%%")), code.size())) return {};
  const std::string lines_text = result;
  for (const Line& line : lines_of(lines_text)) {
    if (!line.is_magic && !line.is_shell) continue;
    if (cursor >= line.begin && cursor <= line.begin + line.text.size()) return {};
    std::fill_n(result.begin() + static_cast<std::ptrdiff_t>(line.begin), line.text.size(), ' ');
  }
  return result;
}

}  // namespace tutti::jupyter
