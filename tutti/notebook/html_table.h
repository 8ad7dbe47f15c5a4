// Tables for a page whose style sheet is not ours: a notebook, light or dark.
#pragma once

#include <string>
#include <vector>

namespace tutti {

struct HtmlCell {
  std::string text;
  std::string small = {};  // a second, smaller line
  char shade = ' ';        // 'r' (right, blue) or 'w' (wrong, orange) as strong as `share`
  double share = 0.0;      // [0, 1]
};
struct HtmlTable {
  std::vector<std::string> header;           // the first one above the rows' names
  std::vector<std::string> rows;             // names
  std::vector<std::vector<HtmlCell>> cells;  // one fewer in each row than the header has
  bool last_is_total = false;                // the last row stands apart and is bold
};
// With styles of its own and none for others; letters in the page's colour. All text is escaped.
std::string html_table(const HtmlTable& table);

}  // namespace tutti
