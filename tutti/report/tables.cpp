#include "tutti/report/tables.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace tutti {
namespace {

// Code points, near enough to columns for what we print.
std::size_t width_of(const std::string& cell) {
  return static_cast<std::size_t>(std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// A number, an interval or a percentage: "12", "-0.5", "7.79–16.66 %".
bool is_number(const std::string& cell) {
  const bool digit = std::any_of(cell.begin(), cell.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  return digit && cell.find_first_not_of("0123456789.,+-–% e") == std::string::npos;
}

// A column of numbers has nothing else below its header; an empty cell fits in.
std::vector<bool> numeric_columns(std::size_t columns, const std::vector<std::vector<std::string>>& rows) {
  std::vector<bool> numeric(columns, true);
  for (const auto& row : rows)
    for (std::size_t column = 0; column < columns; ++column)
      if (column >= row.size() || (!row[column].empty() && !is_number(row[column]))) numeric[column] = false;
  return numeric;
}

std::string padded(const std::string& cell, std::size_t width, bool right) {
  const std::string space(width - std::min(width, width_of(cell)), ' ');
  return right ? space + cell : cell + space;
}

}  // namespace

std::string Table::text() const {
  const std::vector<bool> right = numeric_columns(header_.size(), rows_);
  std::vector<std::size_t> widths;
  std::size_t total = 0;
  for (std::size_t column = 0; column < header_.size(); ++column) {
    std::size_t width = width_of(header_[column]);
    for (const auto& row : rows_)
      if (column < row.size()) width = std::max(width, width_of(row[column]));
    widths.push_back(width);
    total += width + (column > 0 ? 2 : 0);
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string result;
    for (std::size_t column = 0; column < cells.size(); ++column)
      result += (column > 0 ? "  " : "") + padded(cells[column], widths[column], right[column]);
    while (!result.empty() && result.back() == ' ') result.pop_back();
    return result + "\n";
  };
  std::string rule;
  for (std::size_t i = 0; i < total; ++i) rule += "─";
  rule += "\n";
  std::string result = line(header_) + rule;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (std::find(rules_.begin(), rules_.end(), row) != rules_.end()) result += rule;
    result += line(rows_[row]);
  }
  return result;
}

std::string Table::markdown() const {
  const std::vector<bool> right = numeric_columns(header_.size(), rows_);
  const auto line = [](const std::vector<std::string>& cells) { return fmt::format("| {} |\n", fmt::join(cells, " | ")); };
  std::string result = line(header_) + "|";
  for (const bool numeric : right) result += numeric ? "---:|" : "---|";
  result += "\n";
  for (const auto& row : rows_) result += line(row);
  return result;
}

std::string Table::html() const {
  const std::vector<bool> right = numeric_columns(header_.size(), rows_);
  const auto line = [&](const std::vector<std::string>& cells, const char* tag) {
    std::string result = "<tr>";
    for (std::size_t column = 0; column < cells.size(); ++column)
      result += fmt::format("<{}{}>{}</{}>", tag, right[column] ? " class=\"number\"" : "", escape_html(cells[column]), tag);
    return result + "</tr>\n";
  };
  std::string result = "<table>\n<thead>" + line(header_, "th") + "</thead>\n<tbody>\n";
  for (const auto& row : rows_) result += line(row, "td");
  return result + "</tbody>\n</table>\n";
}

}  // namespace tutti
