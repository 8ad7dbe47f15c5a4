// Tables for a terminal and for Markdown.
#pragma once

#include <string>
#include <vector>

#include "tutti/base/html.h"

namespace tutti {

// Cells are UTF-8; columns of numbers are aligned to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // A rule before the next row.
  void rule() { rules_.push_back(rows_.size()); }
  // Two spaces between columns, a rule under the header.
  std::string text() const;
  std::string markdown() const;
  // <table> with <thead> and <tbody>; cells escaped.
  std::string html() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> rules_;
};

}  // namespace tutti
